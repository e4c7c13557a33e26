"""The way of a program's request: host → key → its person → brand or agency. The REST API's door, beside people's.

No session, no cookie, no form's token: a program says who it is with each request. Which address and method needs
which scope is the table in `config/rights.py`.
"""

import logging
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from redis import RedisError

from accounts import queries as people
from accounts.api.etags import with_etag
from accounts.api.problems import Problem, drawn, no_such_key, problem_of
from accounts.domain import keys
from accounts.domain.keys import Holder
from accounts.enums import Right, Scope, may
from config import rights
from tenants import entry
from tenants import queries as houses
from tenants.badges import address, badge_of
from tenants.refusals import Refusal

log = logging.getLogger(__name__)
WINDOW = 60  # seconds
SAFE = ("GET", "HEAD")


def enter(request: Any, name: str, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse:
    """Run an API view inside the brand or agency that its key is for."""
    allowance: dict[str, str] = {}
    try:
        answer = _answered(request, name, view, args, kwargs, allowance)
    except keys.Dead as dead:
        answer = drawn(request, no_such_key(str(dead)))
    except (Problem, Refusal) as refused:
        answer = drawn(request, problem_of(refused) or Problem(500, "broken", ""))
    for header, value in allowance.items():
        answer.headers.setdefault(header, value)
    answer.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(answer, ["Authorization"])
    return answer


def _answered(
    request: Any, name: str, view: Any, args: Any, kwargs: dict[str, Any], allowance: dict[str, str]
) -> HttpResponse:
    request.person, request.role, request.brand = None, None, None
    holder = keys.holder_of(_secret_in(request), now=timezone.now())
    request.key, request.person, request.memberships = holder.key, holder.person, holder.memberships
    allowance.update(_count(request))
    _check_host(request, holder)
    _check_body(request)
    methods = rights.PROGRAMS[name]
    scope = methods.get("GET" if request.method == "HEAD" else request.method)
    if scope is None:
        raise _no_such_method(request, methods)
    if request.host_kind == "brand":
        return _in_brand(request, scope, view, args, kwargs)
    return _in_agency(request, scope, view, args, kwargs)


def _secret_in(request: Any) -> str:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        detail = (
            "Send your key in the header: Authorization: Bearer nj_… Admins make keys on the agency's host, /keys/."
        )
        raise no_such_key(detail)
    return secret.strip()


def _count(request: Any) -> dict[str, str]:
    """Count this call against its key's allowance, and say what is left of it; raises when nothing is."""
    kind = "read" if request.method in SAFE else "write"
    allowed, now = settings.API_CALLS_A_MINUTE[kind], time.time()
    window, left = int(now // WINDOW), WINDOW - int(now % WINDOW)
    place = f"api:{request.key.agency_id}:{request.key.brand_id or 0}:{request.key.pk}:{kind}:{window}"
    try:
        cache.add(place, 0, timeout=2 * WINDOW)
        used = cache.incr(place)
    except (RedisError, ValueError) as error:
        # Limits are for fairness. Nobody is turned away because the count is lost.
        log.warning("Calls are not counted: %s", error)
        return {}
    said = {
        "RateLimit-Limit": str(allowed),
        "RateLimit-Remaining": str(max(0, allowed - used)),
        "RateLimit-Reset": str(left),
    }
    if used > allowed:
        detail = f"This key may {kind} {allowed} times a minute. Go on in {left} s."
        raise Problem(429, "too-often", detail, headers={**said, "Retry-After": str(left)})
    return said


def _check_host(request: Any, holder: Holder) -> None:
    key = holder.key
    if request.agency and request.agency.pk == key.agency_id:
        if request.host_kind == "agency" and key.brand_id is None:
            return
        if request.host_kind == "brand" and key.brand_id == request.host_brand.pk:
            return
    domains = key.brand.domains.order_by("pk") if key.brand else key.agency.domains.filter(brand=None).order_by("pk")
    own = next((address(domain.name) for domain in domains), "its own host")
    raise Problem(403, "host", f"This key is not for this host. Use it at {own}")


def _check_body(request: Any) -> None:
    if request.method not in SAFE and len(request.body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise Problem(413, "too-much", "That was more than we take at once. Send less; nothing of it was kept.")


def _no_such_method(request: Any, methods: dict[str, Scope]) -> Problem:
    allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
    detail = f"{request.method} does nothing at this address. It knows: {allowed}."
    return Problem(405, "method", detail, headers={"Allow": allowed})


def _in_brand(request: Any, scope: Scope, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse:
    brand = houses.brands_of(request.agency.pk).filter(pk=request.host_brand.pk).get()
    request.role = people.role_in(request.memberships, brand_id=brand.pk)
    if request.role is None:
        raise keys.Dead("The person who made this key is no longer a member here. Ask an admin for another one.")
    _check_may(request, scope)
    request.brand, request.badge = brand, badge_of(brand, on_brand_host=True)
    request.badges = [request.badge]
    with entry.brand(brand):
        return with_etag(request, drawn_here(view(request, *args, **kwargs)))


def _in_agency(request: Any, scope: Scope, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse:
    right = rights.RIGHT_FOR[scope]
    request.role = _role_at_agency(request, right)
    _check_may(request, scope)
    request.badges = [
        badge_of(brand)
        for brand in houses.brands_of(request.agency.pk)
        if may(people.role_in(request.memberships, brand_id=brand.pk), right)
    ]
    with entry.agency(request.agency.pk):
        return with_etag(request, drawn_here(view(request, *args, **kwargs)))


def _role_at_agency(request: Any, right: Right) -> str | None:
    """What the key's person is in all brands; for the desk, which shows each its own brands, in any."""
    everywhere = [each for each in request.memberships if each.brand_id is None]
    return people.role_in(request.memberships if right is Right.DESK else everywhere, brand_id=None)


def _check_may(request: Any, scope: Scope) -> None:
    if scope not in request.key.scopes:
        detail = (
            f"This key lacks the scope {scope.value} ({scope.label}). Make one with it on the agency's host, /keys/."
        )
        raise Problem(403, "missing-scope", detail)
    right = rights.RIGHT_FOR[scope]
    if not may(request.role, right):
        detail = f"The person who made this key may not do this here any more: to {right.label} is for others."
        raise Problem(403, "not-yours", detail)


def drawn_here(response: Any) -> Any:
    """The answer with its words: what is drawn later would be drawn outside, where nothing can be read."""
    return response.render() if hasattr(response, "is_rendered") and not response.is_rendered else response
