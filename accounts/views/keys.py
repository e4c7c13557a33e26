"""Keys for programs, on the agency's host: the list, a new one, the end of one. Decided in `accounts.domain.keys`."""

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import queries
from accounts.domain import keys as domain
from accounts.enums import Right, Scope, may
from accounts.models import ApiKey
from tenants import entry
from tenants.badges import Badge
from tenants.refusals import NotNow, Refusal

_PAGE = 200


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def keys(request: Any) -> HttpResponse:
    """The agency's keys; a new one is shown on the page that answers its form, and never again."""
    if request.method == "GET":
        return _draw(request)
    try:
        brand_id = _brand_chosen(request)
        with entry.agency(request.agency.pk):
            _key, secret = domain.make(
                agency_id=request.agency.pk,
                brand_id=brand_id,
                name=request.POST.get("name", "")[:1000],
                scopes=request.POST.getlist("scopes"),
                by=request.person,
                memberships=request.memberships,
                now=timezone.now(),
            )
    except Refusal as refusal:
        return _draw(request, refusal=refusal)
    return _draw(request, secret=secret)


@require_http_methods(["GET", "POST"])
def key(request: Any, pk: int) -> HttpResponse:
    """Revoke a key: asked for with its name (GET), done (POST)."""
    with entry.agency(request.agency.pk):
        visible = domain.keys_of(request.agency.pk, request.memberships)
        found = visible.filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Http404
    if request.method == "GET":
        return _draw(request, asked=found)
    try:
        with entry.agency(request.agency.pk):
            domain.revoke(key=found, by=request.person, memberships=request.memberships, now=timezone.now())
    except Refusal as refusal:
        return _draw(request, refusal=refusal)
    return HttpResponseRedirect("/keys/")


def _draw(
    request: Any, *, secret: str = "", asked: ApiKey | None = None, refusal: Refusal | None = None
) -> HttpResponse:
    request.refusal = str(refusal) if refusal else None
    with entry.agency(request.agency.pk):
        found = list(domain.keys_of(request.agency.pk, request.memberships)[:_PAGE])
        names = queries.people_named([pk for each in found for pk in (each.made_by_id, each.revoked_by_id) if pk])
    context = {
        "keys": [_row(each, names) for each in found],
        "secret": secret,
        "asked": asked,
        "may_be_agencys": any(each.brand_id is None and may(each.role, Right.KEYS) for each in request.memberships),
        "brands": _brands(request),
        "scopes_of_brand": _choices(domain.OF_BRAND, request),
        "scopes_of_agency": _choices(domain.OF_AGENCY, request),
        "chosen": {"name": request.POST.get("name", ""), "brand": request.POST.get("brand", "")} if refusal else {},
    }
    status = refusal.status if refusal else 200
    return render(request, "accounts/keys.html", context, status=status)


def _row(found: ApiKey, names: dict[int, Any]) -> dict[str, Any]:
    return {
        "pk": found.pk,
        "name": found.name,
        "beginning": found.beginning,
        "brand": found.brand.name if found.brand else None,
        "scopes": [Scope(each).label for each in found.scopes if each in Scope.values],
        "made_at": found.made_at,
        "made_by": names.get(found.made_by_id),
        "last_used_at": found.last_used_at,
        "revoked_at": found.revoked_at,
        "revoked_by": names.get(found.revoked_by_id or 0),
    }


def _brands(request: Any) -> list[Badge]:
    return [
        badge for badge in request.badges if may(queries.role_in(request.memberships, brand_id=badge.pk), Right.KEYS)
    ]


def _brand_chosen(request: Any) -> int | None:
    """The brand that the form names; none: the agency."""
    chosen = request.POST.get("brand", "")
    if chosen == "agency":
        return None
    found = next((badge.pk for badge in _brands(request) if badge.slug == chosen), None)
    if found is None:
        raise NotNow("Say what the key is for: the agency, or one of its brands.")
    return found


def _choices(scopes: tuple[Scope, ...], request: Any) -> list[dict[str, Any]]:
    chosen = request.POST.getlist("scopes")
    return [{"value": scope.value, "label": scope.label, "chosen": scope.value in chosen} for scope in scopes]
