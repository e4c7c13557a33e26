"""The way of a request: host → agency or brand → session → membership → brand. Checked here, once, for every view.

A view never enters a brand and never asks who may see it: on a brand's url it runs inside the brand already, with
`request.brand`, `request.person` and `request.role` set; on an admin's it runs inside the agency, or among the
operators. Which url needs what is the table in `config/rights.py`.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import resolve
from django.utils.cache import patch_cache_control

from accounts import policies
from accounts import queries as people
from accounts.enums import Right, may
from accounts.models import User
from config import programs, refusals, rights
from config.rights import Need
from inbox import queries as inbox
from tenants import entry
from tenants import queries as houses
from tenants.badges import Badge, address, badge_of
from tenants.models import Brand, BuildState
from tenants.refusals import NotNow, NotYours, Refusal

Answer = Callable[[HttpRequest], HttpResponse]


class HostMiddleware:
    """Whose host this is. The request runs in the directory: hosts, sessions, people; no brand, no agency."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        response = self._answer(request)
        response.headers.setdefault("Content-Security-Policy", _policy(getattr(response, "forms_lead_to", "")))
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response

    def _answer(self, request: Any) -> HttpResponse:
        with entry.directory():
            host = request.get_host().rsplit(":", 1)[0].lower()
            request.agency, request.host_brand, request.brand = None, None, None
            if host in (settings.BASE_DOMAIN, "127.0.0.1"):
                request.host_kind, request.urlconf = "operators", "config.urls.operators"
                return self.get_response(request)
            domain = houses.domain_named(host)
            if domain is None:
                return render(request, "no_such_host.html", {"front": address(settings.BASE_DOMAIN)}, status=404)
            request.agency, request.host_brand = domain.agency, domain.brand
            request.host_kind = "brand" if domain.brand else "agency"
            request.urlconf = f"config.urls.{request.host_kind}"
            return self.get_response(request)


class PersonMiddleware:
    """Who is asking: read eagerly, here, because a lazy user would be read inside a brand, which may not see people."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.person, request.memberships = None, []
        if SESSION_KEY in request.session:
            user = get_user(request)
            # A session belongs to the host that it was opened on.
            if isinstance(user, User) and request.session.get("host") == request.get_host():
                request.person = user
                if request.agency:
                    request.memberships = people.memberships_of(user, agency_id=request.agency.pk)
        request.user = request.person or AnonymousUser()
        response = self.get_response(request)
        if request.person:
            # Customers' words: not to be seen again by the next person at this screen, who goes back.
            patch_cache_control(response, private=True, no_store=True)
        return response


class BrandMiddleware:
    """Into the brand that the url or the host names, if this person is a member of it; the view runs inside."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse | None:
        try:
            return self._enter(request, view, args, kwargs)
        except Refusal as refusal:
            return refusals.draw(request, refusal)

    def _enter(self, request: Any, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse | None:
        name = resolve(request.path_info, request.urlconf).view_name
        if name in rights.PROGRAMS:
            return programs.enter(request, name, view, args, kwargs)
        need = rights.needed_for(name)
        if need is Need.NOTHING:
            return None
        if request.person is None:
            return _to_log_in(request)
        if need is Need.LOGGED_IN:
            return None
        if needs_second_factor(request):
            return HttpResponseRedirect(SECOND_FACTOR_PAGE)
        if request.host_kind == "operators":
            return _among_operators(request, view, args, kwargs)
        if not request.memberships:
            raise NotYours("You are not a member of this agency.")
        request.badges = badges_for(request)
        slug = kwargs.pop("brand_slug", None)
        brand = request.host_brand or (_brand_of(request, slug) if slug else None)
        if brand is None:
            return _at_the_agency(request, name, view, args, kwargs)
        request.role = people.role_in(request.memberships, brand_id=brand.pk)
        if request.role is None:
            raise NotYours("You are not a member of this brand.")
        request.badge = next((badge for badge in request.badges if badge.pk == brand.pk), None)
        if request.badge is None:
            raise NotNow(f"{brand.name} is still being made. It takes a few seconds; load the page again.")
        request.brand = brand
        if policies.is_closed_to(request.role, brand):
            return render(request, "closed_brand.html", status=403)
        if isinstance(need, Right) and not may(request.role, need):
            raise NotYours(f"This is not for you here: to {need.label} is for others.")
        with entry.brand(brand):
            request.live_seqs = {brand.slug: inbox.newest_seq()}
            if may(request.role, Right.APPROVE) and "HX-Request" not in request.headers:
                request.to_approve = inbox.count_to_approve()
            return programs.drawn_here(view(request, *args, **kwargs))


def _at_the_agency(request: Any, name: str, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse | None:
    """A page of the agency's own. The admin's run inside the agency, whose role sees the agency's own rows alone.

    What is set up there is the whole agency's, so whoever is an admin of one brand is none there.
    """
    in_admin = name.startswith("admin:")
    held = [each for each in request.memberships if each.brand_id is None or not in_admin]
    request.role = people.role_in(held, brand_id=None)
    need = rights.needed_for(name)
    if not rights.may_open(need, role=request.role):
        raise _for_others(request, "admins of the whole agency" if in_admin else rights.holders_of(need))
    if not in_admin:
        return None
    with entry.agency(request.agency.pk):
        return programs.drawn_here(view(request, *args, **kwargs))


def _for_others(request: Any, whose: str) -> NotYours:
    """That a page of the agency's own is not for this person, who is led to where they work: the desk, or their brands.

    A client's staff have nothing on the agency's host; that their brands have hosts of their own they may not know.
    """
    request.has_desk = may(people.role_in(request.memberships, brand_id=None), Right.DESK)
    if request.has_desk:
        return NotYours(f"This page is for {whose}.")
    request.own_hosts = [badge for badge in request.badges if badge.host_url]
    return NotYours("This page is for the agency's own people. You work on your brand's own host: log in there.")


def _among_operators(request: Any, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse:
    if not request.person.is_operator:
        raise NotYours("This host is for the people who run Nightjar itself. Your agency has a host of its own.")
    with entry.operators():
        return programs.drawn_here(view(request, *args, **kwargs))


SECOND_FACTOR_PAGE = "/me/2fa/"


def needs_second_factor(request: Any) -> bool:
    """Whether this person must prove themselves in a second way before they go on, and has none yet.

    That they have one is kept in the session: who must have one cannot take the last one away.
    """
    agency_id = request.agency.pk if request.agency else None
    if not policies.needs_second_factor(request.person, request.memberships, agency_id=agency_id):
        return False
    if not request.session.get("has_factor") and people.factors_of(request.person):
        request.session["has_factor"] = True
    return not request.session.get("has_factor")


def badges_for(request: Any) -> list[Badge]:
    """The brands that this person may enter from this host, by name."""
    on_brand_host = request.host_kind == "brand"
    return [
        badge_of(brand, on_brand_host=on_brand_host)
        for brand in houses.brands_of(request.agency.pk)
        if people.role_in(request.memberships, brand_id=brand.pk)
        and (not on_brand_host or brand.pk == request.host_brand.pk)
    ]


def page(request: Any) -> dict[str, Any]:
    """What every template is given: where we are, who is asking, where else they may go."""
    person = getattr(request, "person", None)
    brand = getattr(request, "brand", None)
    badges = getattr(request, "badges", [])
    agency = getattr(request, "agency", None)
    return {
        "page": {
            "title": "Nightjar",
            "agency": {"name": agency.name, "url": address(f"{agency.slug}.{settings.BASE_DOMAIN}")}
            if agency
            else None,
            "brand": getattr(request, "badge", None) if brand else _host_badge(request),
            "host_kind": getattr(request, "host_kind", "operators"),
            "person": _person(person, getattr(request, "role", None)) if person else None,
            "brands": badges,
            "nav": _navigation(request) if person else [],
            "live": {
                "socket": "/live/",
                "since": "/live-since/",
                "seqs": getattr(request, "live_seqs", {}),
            }
            if person and agency  # nothing happens on the operators' host that a screen would have to hear of
            else None,
            "refusal": getattr(request, "refusal", None),
        }
    }


def _host_badge(request: Any) -> Badge | None:
    brand = getattr(request, "host_brand", None)
    if not brand or getattr(request, "person", None):
        return None
    return badge_of(houses.brands_of(brand.agency_id).get(pk=brand.pk), on_brand_host=True)


def _person(user: User, role: str | None) -> dict[str, Any]:
    return {"id": user.pk, "name": user.name, "initials": user.initials, "email": user.email, "role": role or ""}


def _navigation(request: Any) -> list[dict[str, Any]]:
    badge, path = getattr(request, "badge", None) if request.brand else None, request.path
    role = getattr(request, "role", None)
    entries = []
    counts = {"v": getattr(request, "to_approve", 0)}
    if request.host_kind == "agency":
        entries.append(("Desk", "/", "d", path == "/" or path.startswith("/desk/")))
    if badge:
        report = f"{badge.url}reports/first-response/"
        settings_ = f"{badge.url}settings/"
        approvals = f"{badge.url}approvals/"
        elsewhere = path.startswith((report, settings_, approvals))
        entries.append(("Inbox", badge.url, "i", path.startswith(badge.url) and not elsewhere))
        if may(role, Right.APPROVE):
            entries.append(("Approvals", approvals, "v", path.startswith(approvals)))
        entries.append(("Report", report, "r", path.startswith(report)))
        if may(role, Right.GUIDE):
            entries.append(("Settings", settings_, "s", path.startswith(settings_)))
    elif request.host_kind == "agency":
        entries.append(("Report", "/reports/first-response/", "r", path.startswith("/reports/")))
        if may(role, Right.GUIDE):
            entries.append(("Costs", "/costs/", "m", path.startswith("/costs/")))
        if may(role, Right.PEOPLE):
            entries.append(("Admin", "/admin/", "a", path.startswith("/admin/")))
        if may(role, Right.KEYS):
            entries.append(("API keys", "/keys/", "k", path.startswith("/keys/")))
    return [
        {"label": label, "url": url, "current": current, "count": counts.get(key, 0), "key": key}
        for label, url, key, current in entries
    ]


def _brand_of(request: Any, slug: str) -> Brand:
    brand = Brand.objects.filter(agency=request.agency, slug=slug, build_state=BuildState.READY).first()
    if brand is None:
        raise NotYours("You are not a member of this brand.")
    return brand


def _to_log_in(request: Any) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": "/login/"})
    return HttpResponseRedirect(f"/login/?next={quote(request.get_full_path())}")


def _policy(forms_lead_to: str) -> str:
    """The policy of a page. Browsers hold redirects after a form to it too: one page's forms lead to Twitter."""
    return _POLICY.replace("form-action 'self'", f"form-action 'self' {forms_lead_to}") if forms_lead_to else _POLICY


# Everything from our own origin; style attributes carry the brands' colours and nothing else.
_POLICY = (
    "default-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
