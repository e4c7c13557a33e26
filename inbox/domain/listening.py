"""Listening: the filtered stream's rules, made from what each brand is called and asks to hear.

Rules belong to our one app, and a line says which rules it matched. Handles of all brands share rules (DIRECT): whom
such a tweet names, it says itself, by id. Words (BROAD, PROACTIVE) are matched by Twitter's own reading of them, which
nobody can do again exactly; so brands are never packed into one rule of words, and its tag, "<handle id>:<reach>",
says whose it is; where two ask for the very same, the one rule has both tags. A brand of ten marks and queries needs
one or two such rules: a thousand are enough for some four hundred brands.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from inbox import policies
from inbox.domain import costs, pulses
from inbox.enums import Reach, Source
from inbox.models import ListeningQuery, Pulse
from inbox.twitter.rule_language import what_is_wrong
from inbox.twitter.rules import SUFFIX, AppAtTwitter, Rule, fit, pack
from tenants import entry
from tenants import queries as houses
from tenants.models import BrandState, Handle, Mark, MarkKind
from tenants.refusals import NotNow

log = logging.getLogger(__name__)

DIRECT_TAG = "direct"
MOST_QUERIES = 50
# So many tweets of an hour by the stream are more than a team reads, and cost 25 dollars.
MOST_HEARD = 5_000
_NAMED = re.compile(r"(?<!\w)@(\w{1,15})", re.ASCII)
_WORDS = re.compile(r"\w+")
_OPERATORS = ("OR", "AND", "NOT")
# What would end a phrase, or carry on behind it.
_NO_TERM = re.compile(r'["\\\x00-\x1f\x7f]')
# Brands that ask for the very same share a rule: so many tags have room in Twitter's one of 256 characters.
_MOST_TAGS = 8


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What it took to make Twitter's rules what they should be."""

    added: int = 0
    dropped: int = 0
    left_out: int = 0
    refused: tuple[str, ...] = ()


@dataclass(slots=True)
class Directory:
    """Which handle is whose, for telling for whom a line of the stream is."""

    brand_of: dict[int, int] = field(default_factory=dict)  # by handle
    named: dict[str, int] = field(default_factory=dict)  # handles by their names in small letters


def handle_terms(usernames: Iterable[str]) -> list[str]:
    """What finds the tweets that name these accounts, and those that answer them without naming."""
    return [term for name in usernames for term in (f"@{name}", f"to:{name}")]


def mark_terms(marks: Iterable[tuple[str, str]]) -> list[str]:
    """What finds the tweets that name a brand by one of these marks (kind, text)."""
    terms = []
    for kind, text in marks:
        words = " ".join(_NO_TERM.sub("", text).split())
        if not words or kind == MarkKind.SIGN_OFF:
            continue
        if kind == MarkKind.HASHTAG:
            terms += [f"#{word}" for word in ("".join(_WORDS.findall(words)),) if word]
        elif kind == MarkKind.LINK:
            terms.append(f'url:"{words.partition("://")[2] or words}"')
        else:
            terms.append(words if _WORDS.fullmatch(words) and words not in _OPERATORS else f'"{words}"')
    return terms


def rules_of_brand(*, longest: int | None = None) -> list[Rule]:
    """The rules of words of the brand that we stand in, by its marks and its listening queries that are not paused."""
    handle = Handle.objects.filter(brand_id=entry.current_brand_id()).order_by("pk").first()
    if handle is None:
        return []
    longest = longest or settings.TWITTER_STREAM_RULE_LENGTH
    marks = Mark.objects.filter(brand_id=entry.current_brand_id()).order_by("kind", "text", "pk")
    terms: dict[str, list[str]] = {Reach.BROAD: mark_terms(marks.values_list("kind", "text")), Reach.PROACTIVE: []}
    if not why_resting(handle.pk, now=timezone.now()):
        for query in ListeningQuery.objects.filter(paused_at=None).order_by("pk"):
            terms[query.reach].append(f"({query.query})")
    rules = []
    for reach in (Reach.BROAD, Reach.PROACTIVE):
        packed, too_long = pack(terms[reach], tag=f"{handle.pk}:{reach}", longest=longest)
        rules += packed
        if too_long:
            log.warning("%s: too long for a rule of %s: %s", entry.current_schema(), longest, too_long)
    return rules


def why_resting(handle_id: int, *, now: datetime) -> str:
    """Why this brand's listening queries rest for now; empty: they do not. What names the brand is heard all the same.

    All brands share one stream and one purse: one query for "the" would leave the others neither.
    """
    heard = Pulse.objects.filter(handle_id=handle_id, source=Source.STREAM, counted_at__gt=now - timedelta(hours=2))
    if (heard.values_list("heard", flat=True).first() or 0) >= MOST_HEARD:
        return f"More than {MOST_HEARD:,} tweets came within the hour: listening queries rest. Make them narrower."
    if costs.is_over_budget(now):
        return "The month's budget is used up: listening queries rest until the next, or until it is raised."
    return ""


def wanted() -> tuple[list[Rule], list[Rule]]:
    """All rules that our app should have, and those that the plan has no room for. Stands nowhere."""
    with entry.directory():
        brands = [brand for brand in houses.all_brands() if brand.state != BrandState.ENDING]
        names = Handle.objects.filter(brand__in=brands).order_by("pk").values_list("username", flat=True)
        direct, _ = pack(handle_terms(names), tag=DIRECT_TAG, longest=settings.TWITTER_STREAM_RULE_LENGTH)
    of_each = [entry.in_brand(brand, rules_of_brand) for brand in brands]
    room = max(settings.TWITTER_STREAM_RULES - len(direct), 0)
    fitting, left_out = fit(of_each, most=room)
    return direct + shared(fitting), left_out


def shared(rules: Iterable[Rule]) -> list[Rule]:
    """Rules of one value are one rule to Twitter, which refuses the second: it has the tags of all whom it is for."""
    tags: dict[str, list[str]] = {}
    for rule in rules:
        tags.setdefault(rule.value, []).append(rule.tag)
    found = []
    for value, of_value in tags.items():
        own = [*dict.fromkeys(of_value)]
        for turn, begin in enumerate(range(0, len(own), _MOST_TAGS)):
            # Said once more, the end means the same, and makes another rule of it.
            found.append(Rule(value + SUFFIX * turn, " ".join(own[begin : begin + _MOST_TAGS])))
    return found


def reconcile(*, now: datetime) -> Reconciled:
    """Make Twitter's rules what they should be; raises `Unavailable`. It takes Twitter some twenty seconds."""
    rules, left_out = wanted()
    with AppAtTwitter(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
        have = app.rules()
        should = set(rules)
        kept: set[Rule] = set()
        gone = []
        for rule_id, rule in have.items():
            if rule in should and rule not in kept:
                kept.add(rule)
            else:
                gone.append(rule_id)
        missing = [rule for rule in rules if rule not in kept]
        # Two rules of one value are one rule to Twitter: what is to go, goes before what is to come.
        if gone:
            app.drop_rules(gone)
        refused = app.add_rules(missing) if missing else []
    for said in refused:
        log.warning("Twitter refuses a rule of the stream: %s", said)
    _say_how_they_are_heard(left_out, now=now)
    return Reconciled(added=len(missing), dropped=len(gone), left_out=len(left_out), refused=tuple(refused))


def directory() -> Directory:
    """Who is who, read anew. Stands nowhere."""
    with entry.directory():
        rows = Handle.objects.order_by("pk").values_list("pk", "username", "brand_id")
        found = Directory()
        for pk, username, brand_id in rows:
            found.brand_of[pk] = brand_id
            found.named[username.lower()] = pk
    return found


def addressed(line: bytes, known: Directory) -> dict[int, bytes]:
    """For which handles a line of the stream is, one for each brand, and what each is to be told: the tweet, with the
    rules that are its own."""
    whole = msgspec.json.decode(line)
    post = whole.get("data") or {}
    rules = whole.get("matching_rules") or ()
    # A rule that several brands share has a tag for each: a brand is told its own alone.
    tags = [(tag, {**rule, "tag": tag}) for rule in rules for tag in str(rule.get("tag") or "").split()]
    told: dict[int, tuple[int, list[Mapping[str, Any]]]] = {}  # by brand: a handle, and its rules
    for tag, rule in tags:
        name, _, reach = tag.rpartition(":")
        if name.isdecimal() and reach in Reach.values and int(name) in known.brand_of:
            told.setdefault(known.brand_of[int(name)], (int(name), []))[1].append(rule)
    # A tweet that names a handle is for its brand, whatever rule of whichever brand it matched.
    for handle_id in _handles_in(post, known):
        brand_id = known.brand_of[handle_id]
        told[brand_id] = (handle_id, told.get(brand_id, (0, []))[1])
    beside = {name: value for name, value in whole.items() if name not in ("matching_rules", "includes")}
    # Not the tweets that it answers or quotes: deleted, they would keep their words here.
    company = {name: rows for name, rows in (whole.get("includes") or {}).items() if name in ("users", "media")}
    beside |= {"includes": company} if company else {}
    return {handle_id: msgspec.json.encode({**beside, "matching_rules": rules}) for handle_id, rules in told.values()}


def as_told(body: bytes, *, tag: str) -> bytes:
    """A tweet that a search of ours brought, with the tag of the rule that it was searched by."""
    return msgspec.json.encode({**msgspec.json.decode(body), "matching_rules": [{"tag": tag}]})


@transaction.atomic
def add(*, name: str, query: str, reach: str, by: User, role: str, now: datetime) -> ListeningQuery:
    """Listen for something more; raises a refusal with what is wrong about it."""
    policies.check_can_set_up(role)
    name, query = " ".join(name.replace("\x00", "").split())[:80], " ".join(query.split())
    if not name:
        raise NotNow("Give it a name, so that others know what it listens for.")
    if reach not in (Reach.BROAD, Reach.PROACTIVE):
        raise NotNow("Say whether it names the brand, or listens where nobody named it.")
    if len(query) > 400:
        raise NotNow("A query has at most 400 characters. Make two of it.")
    wrong = what_is_wrong(query)
    if wrong:
        raise NotNow(wrong)
    if ListeningQuery.objects.count() >= MOST_QUERIES:
        raise NotNow(f"A brand listens for {MOST_QUERIES} things at most. Remove one first.")
    try:
        with transaction.atomic():
            return ListeningQuery.objects.create(name=name, query=query, reach=reach, made_at=now, made_by_id=by.pk)
    except IntegrityError as error:
        raise NotNow(f"There is a query called “{name}” already. Choose another name.") from error


@transaction.atomic
def pause(*, query: ListeningQuery, role: str, now: datetime) -> None:
    """Listen for it no more for now, or (paused already) again."""
    policies.check_can_set_up(role)
    query.paused_at = None if query.paused_at else now
    query.save(update_fields=["paused_at"])


@transaction.atomic
def remove(*, query: ListeningQuery, role: str) -> None:
    """Listen for it no more; what it brought stays."""
    policies.check_can_set_up(role)
    query.delete()


def _handles_in(post: Mapping[str, Any], known: Directory) -> list[int]:
    """The handles of ours that a tweet is from, answers or names."""
    notes = post.get("note_tweet") or post.get("note_post") or {}
    named = [*_mentions(post), *_mentions(notes)]
    ids = [post.get("author_id"), post.get("in_reply_to_user_id"), *(one.get("id") for one in named)]
    found = [int(str(pk)) for pk in ids if str(pk).isdecimal() and int(str(pk)) in known.brand_of]
    words = {name.lower() for name in _NAMED.findall(f"{post.get('text') or ''} {notes.get('text') or ''}")}
    found += [known.named[name] for name in sorted(words) if name in known.named]
    return [*dict.fromkeys(found)]


def _mentions(thing: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (thing.get("entities") or {}).get("mentions") or ()


def _say_how_they_are_heard(left_out: Sequence[Rule], *, now: datetime) -> None:
    """A brand whose words have no room at Twitter is told so, and searched for instead; one whose queries rest, too."""
    handles = {int(rule.tag.partition(":")[0]) for rule in left_out}
    no_room = "Twitter's plan has no room for all of this brand's words: they are searched for now and then instead."
    with entry.directory():
        brands = [brand for brand in houses.all_brands() if brand.state != BrandState.ENDING]
    for brand in brands:
        with entry.brand(brand):
            pk = Handle.objects.filter(brand_id=brand.pk).order_by("pk").values_list("pk", flat=True).first()
            if pk is None:
                continue
            if why := no_room if pk in handles else why_resting(pk, now=now):
                Pulse.objects.bulk_create([Pulse(handle_id=pk, source=Source.STREAM)], ignore_conflicts=True)
                pulses.troubled(handle_id=pk, source=Source.STREAM, why=why, now=now)
            else:
                pulses.well(handle_id=pk, source=Source.STREAM)
