"""A brand's Twitter accounts: connected, connected again, let go. And the one way back from Twitter, for all brands."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from inbox import tasks
from inbox.domain import connecting, credentials
from inbox.models import Credential
from inbox.twitter.client import Unavailable
from inbox.views import cards
from tenants import queries as houses
from tenants.badges import address
from tenants.models import Brand, Handle
from tenants.nudge import nudge
from tenants.refusals import NotNow

_LONGEST_CODE = 2_000


@require_GET
def twitter(request: Any) -> HttpResponse:
    """The brand's handles, how each stands, and what can be done."""
    return _draw(request)


@require_POST
def twitter_connect(request: Any) -> HttpResponse:
    """Send this person to Twitter; with `handle`, to connect that one again."""
    asked = request.POST.get("handle", "")
    handle_id = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 20 else None
    host = request.get_host().rsplit(":", 1)[0].lower()
    try:
        where = connecting.begin(host=host, by=request.person, now=timezone.now(), handle_id=handle_id)
    except NotNow as refusal:
        return _draw(request, refusal=refusal)
    return _to(where)


@require_GET
def twitter_return(request: Any) -> HttpResponse:
    """Back from Twitter, with a code or without."""
    now = timezone.now()
    try:
        attempt = connecting.come_back(state=request.GET.get("state", ""), by=request.person, now=now)
        code = _code_in(request)
        account = connecting.finish(attempt=attempt, code=code, by=request.person, now=now)
    except NotNow as refusal:
        return _draw(request, refusal=refusal)
    nudge(tasks.post_replies)
    with suppress(Unavailable):  # the sweep subscribes then; nothing is lost but a minute or two
        credentials.subscribe(account.id, scopes=credentials.scopes_here())
    return HttpResponseRedirect(f"{_root(request)}?{urlencode({'connected': account.username})}")


@require_POST
def twitter_disconnect(request: Any, pk: int) -> HttpResponse:
    """Let a handle go, after its name was typed."""
    typed = request.POST.get("typed", "")[:100]
    try:
        token = connecting.disconnect(handle_id=pk, typed=typed, by=request.person, now=timezone.now())
    except NotNow as refusal:
        return _draw(request, refusal=refusal)
    is_ended = connecting.give_back(handle_id=pk, token=token)
    return HttpResponseRedirect(f"{_root(request)}?{urlencode({'gone': 'yes' if is_ended else 'here'})}")


@require_GET
def twitter_subscriptions(request: Any) -> HttpResponse:
    """How much of each handle Twitter sends us: asked by the page after it is drawn, since Twitter may be slow."""
    handle_ids = [*Handle.objects.order_by("pk").values_list("pk", flat=True)]
    try:
        found = connecting.subscriptions_of(*handle_ids)
    except Unavailable as error:
        return render(request, "inbox/twitter_subscriptions.html", {"unknown": str(error)})
    names = dict(Handle.objects.values_list("pk", "username"))
    counted = [
        {"username": names.get(pk, ""), "have": have, "wanted": wanted, "is_whole": have == wanted}
        for pk, (have, wanted) in found.items()
    ]
    return render(request, "inbox/twitter_subscriptions.html", {"counted": counted})


@require_GET
def twitter_callback(request: HttpRequest) -> HttpResponse:
    """Where Twitter sends everybody back to, on the operators' host: on to the host that they came from, if it is of
    that brand still."""
    state = request.GET.get("state", "")
    way = connecting.way_back(state)
    domain = houses.domain_named(way.host)
    brand = Brand.objects.filter(pk=way.brand_id).first()
    is_its_own = (
        domain is not None
        and brand is not None
        and (domain.brand_id == brand.pk or (domain.brand_id is None and domain.agency_id == brand.agency_id))
    )
    if not is_its_own or domain is None or brand is None:
        raise NotNow("The brand that you came from is not at that address any more. Begin again from its settings.")
    root = address(domain.name) + ("" if domain.brand_id else f"b/{brand.slug}/")
    carried = {name: request.GET[name][:_LONGEST_CODE] for name in ("code", "error") if name in request.GET}
    return _to(f"{root}settings/twitter/return/?{urlencode({'state': state, **carried})}")


def _code_in(request: Any) -> str:
    error, code = request.GET.get("error", ""), request.GET.get("code", "")
    if error == "access_denied":
        raise NotNow("You did not allow it at Twitter. Nothing was changed.")
    if error or not code or len(code) > _LONGEST_CODE:
        raise NotNow("Twitter sent you back without a code. Nothing was changed; connect again.")
    return str(code)


def _draw(request: Any, *, refusal: NotNow | None = None) -> HttpResponse:
    request.refusal = str(refusal) if refusal else None
    shown = {
        "tab": "twitter",
        "root": _root(request),
        "handles": _handles(request),
        "connected": request.GET.get("connected", "")[:30],
        "gone": request.GET.get("gone", ""),
    }
    response = render(request, "inbox/settings_twitter.html", shown, status=409 if refusal else 200)
    parts = urlsplit(settings.TWITTER_AUTHORIZE_URL)
    response.forms_lead_to = f"{parts.scheme}://{parts.netloc}"  # type: ignore[attr-defined]
    return response


def _handles(request: Any) -> list[dict[str, Any]]:
    """Each handle of the brand, with what is known of its keys."""
    names = dict(Handle.objects.values_list("pk", "username"))
    kept = {each.pk: each for each in Credential.objects.defer("sealed_access_token", "sealed_refresh_token")}
    has_next = set(Credential.objects.filter(sealed_refresh_token__isnull=False).values_list("pk", flat=True))
    people = cards.colleagues((each.connected_by_id for each in kept.values()), agency_id=request.agency.pk)
    return [
        {
            "pk": pk,
            "username": names.get(pk) or kept[pk].username,
            "credential": kept.get(pk),
            "by": people.get(kept[pk].connected_by_id or 0) if pk in kept else None,
            "scopes": kept[pk].scopes.split() if pk in kept else [],
            "is_renewed": pk in has_next,
        }
        for pk in sorted({*names, *kept})
    ]


def _root(request: Any) -> str:
    return f"{request.badge.url}settings/twitter/"


def _to(address: str) -> HttpResponse:
    """On to another host; what is in the address is nobody else's business."""
    response = HttpResponseRedirect(address)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
