"""How a brand's channel to Twitter stands: each way of each handle, blind spots, listening. Inside the brand."""

from typing import Any

from django.conf import settings as installed
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.enums import Right, may
from inbox import policies
from inbox.domain import blind_spots, listening, outages, pulses, retention
from inbox.enums import Reach, Source
from inbox.models import BlindSpot, ChannelSettings, Credential, ListeningQuery, Pulse
from tenants import entry
from tenants.models import Brand, Handle
from tenants.refusals import NotNow, Refusal

_MOST_SPOTS = 20
_MOST_ALARMS = 6
_STATES = {
    outages.WEBHOOK: "Twitter's webhook",
    outages.STREAM: "The stream",
    outages.CREDITS: "Credits",
    outages.INCIDENT: "An incident at Twitter",
    outages.DOOR: "Our own webhook",
}
# By which of these we ask; the others are what Twitter sends by itself.
_ASKED = (Source.MENTIONS, Source.SEARCH, Source.PRIVATES, Source.LOOKUP)


@require_GET
def channel(request: Any) -> HttpResponse:
    """Each handle by each way, with its last event, its rhythm and its troubles; blind spots; listening queries."""
    return _draw(request)


@require_GET
def desk_alarms(request: Any) -> HttpResponse:
    """The strip above the desk: what is wrong with the channel of any brand that this person serves."""
    now = timezone.now()
    alarms: list[dict[str, Any]] = []
    badges = {badge.pk: badge for badge in request.badges}
    for brand in Brand.objects.filter(pk__in=list(badges)).order_by("name", "pk"):
        with entry.brand(brand):
            found = pulses.alarms()
            names = dict(Handle.objects.values_list("pk", "username")) if found else {}
        alarms += [
            {
                "brand": brand.name,
                "url": f"{badges[brand.pk].url}settings/channel/",
                "what": f"@{names.get(pulse.handle_id, '?')}, {pulse.get_source_display()}",
                "since": pulse.quiet_since or pulse.trouble_since,
                "is_quiet": pulse.quiet_since is not None,
                "why": pulse.trouble,
            }
            for pulse in found
        ]
    states = [{"name": _STATES.get(state.pk, state.pk), "why": state.why} for state in outages.troubles(now=now)]
    return render(request, "desk_alarms.html", {"alarms": alarms[:_MOST_ALARMS], "states": states})


@require_POST
def channel_settings(request: Any) -> HttpResponse:
    """For how many days arrivals are kept, whether parts of a long answer are numbered, whether messages are taken."""
    now = timezone.now()
    typed = request.POST.get("keep_days", "")
    try:
        policies.check_can_set_up(request.role)
        if not typed.isascii() or not typed.isdecimal() or len(typed) > 5:
            raise NotNow("Say for how many days to keep what Twitter sent: a whole number.")
        retention.keep_for(int(typed), by=request.person, role=request.role, now=now)
        ChannelSettings.objects.update(
            numbers_parts="numbers_parts" in request.POST, takes_private="takes_private" in request.POST
        )
    except Refusal as refusal:
        return _draw(request, refusal=refusal)
    return _again(request)


@require_POST
def channel_queries(request: Any) -> HttpResponse:
    """Listen for something more."""
    asked = {name: request.POST.get(name, "")[:1000] for name in ("name", "query", "reach")}
    try:
        listening.add(**asked, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _draw(request, refusal=refusal, typed=asked)
    return _again(request)


@require_POST
def channel_query(request: Any, pk: int) -> HttpResponse:
    """Pause a query, take it up again, or remove it (`remove`)."""
    try:
        query = ListeningQuery.objects.filter(pk=pk).first()
        if query is None:
            raise NotNow("There is no such query any more. Open the page again.")
        if "remove" in request.POST:
            listening.remove(query=query, role=request.role)
        else:
            listening.pause(query=query, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _draw(request, refusal=refusal)
    return _again(request)


def _draw(request: Any, *, refusal: Refusal | None = None, typed: dict[str, str] | None = None) -> HttpResponse:
    request.refusal = str(refusal) if refusal else None
    now = timezone.now()
    context = {
        "tab": "channel",
        "root": f"{request.badge.url}settings/channel/",
        "handles": _handles(now),
        "states": [
            {"name": _STATES.get(state.pk, state.pk), "why": state.why, "since": state.since}
            for state in outages.troubles(now=now)
        ],
        "spots": [_spot(spot) for spot in blind_spots.newest(_MOST_SPOTS)],
        "queries": list(ListeningQuery.objects.order_by("name", "pk")),
        "rules": listening.rules_of_brand(),
        "rule_length": installed.TWITTER_STREAM_RULE_LENGTH,
        "reaches": [(reach.value, reach.label) for reach in (Reach.BROAD, Reach.PROACTIVE)],
        "typed": typed or {},
        "current": ChannelSettings.objects.get(pk=1),
        "may_set_up": may(request.role, Right.SET_UP),
        "is_streaming": installed.TWITTER_STREAM,
    }
    return render(request, "inbox/settings_channel.html", context, status=refusal.status if refusal else 200)


def _handles(now: Any) -> list[dict[str, Any]]:
    names = dict(Handle.objects.order_by("pk").values_list("pk", "username"))
    refused = dict(Credential.objects.exclude(refused_at=None).values_list("pk", "refused_why"))
    connected = set(Credential.objects.values_list("pk", flat=True))
    ways: dict[int, list[dict[str, Any]]] = {pk: [] for pk in names}
    for pulse in pulses.of_brand():
        if pulse.handle_id in ways and (pulse.last_event_at or pulse.due_at or pulse.trouble):
            ways[pulse.handle_id].append(_way(pulse))
    return [
        {
            "pk": pk,
            "username": name,
            "ways": ways[pk],
            "refused": refused.get(pk, ""),
            "is_connected": pk in connected,
        }
        for pk, name in names.items()
    ]


def _way(pulse: Pulse) -> dict[str, Any]:
    return {
        "name": pulse.get_source_display(),
        "last": pulse.last_event_at,
        "asked": pulse.last_answered_at if pulse.source in _ASKED else None,
        "due": pulse.due_at if pulse.source in _ASKED else None,
        "rhythm": _in_words(pulse.rhythm),
        "quiet": pulse.quiet_since,
        "trouble": pulse.trouble,
        "since": pulse.trouble_since,
    }


# How ways of recovery are called on the page.
_WAYS = {"privates": "direct messages", "timeline": "our own tweets"}


def _spot(spot: BlindSpot) -> dict[str, Any]:
    ways = [str(each.get("way")) for each in spot.tried if each.get("way") != blind_spots.GIVEN_UP]
    ways = [_WAYS.get(way, way.replace("_", " ")) for way in ways]
    same_day = spot.ends_at is not None and spot.begins_at.date() == spot.ends_at.date()
    return {
        "row": spot,
        "source": spot.get_source_display(),
        "tried": ", ".join(dict.fromkeys(ways)),
        "is_given_up": blind_spots.is_given_up(spot),
        "is_one_day": same_day,
    }


def _in_words(seconds: float | None) -> str:
    """`one every 4 minutes`."""
    if not seconds:
        return ""
    if seconds < 90:
        return f"one every {max(round(seconds), 1)} seconds"
    if seconds < 5400:
        return f"one every {round(seconds / 60)} minutes"
    return f"one every {round(seconds / 3600)} hours"


def _again(request: Any) -> HttpResponse:
    return HttpResponseRedirect(f"{request.badge.url}settings/channel/")
