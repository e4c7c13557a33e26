"""The policy ledger: each automatic act names the rule that allowed or refused it, and stands here for ever.

Nothing automatic exists yet. The gate does: `posting` asks it for every reply that no person wrote, and what it refuses
does not leave. Rules are `policy.toml`'s, with date and source. No customer's words are kept: what was said is a
fingerprint.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.domain import replies
from inbox.domain.events import Line
from inbox.enums import Direction, EventKind, Reach, ReplyStatus, ReplyWay
from inbox.models import ChannelSettings, Conversation, Customer, Message, PolicyLine, Reply
from inbox.twitter.shapes import Tweet
from inbox.twitter.terms import OPT_OUT, POLITE, RULES, SAME_TEXT_TO, SAME_TEXT_WITHIN_HOURS
from inbox.twitter.text import normalised
from tenants.refusals import NotNow

REPLY = "reply"
_LONGEST_OPT_OUT = 90
_NAMES = re.compile(r"[@＠]\w{1,20}")
_NO_WORD = re.compile(r"[^\w\s'-]+|(?<!\w)['-]|['-](?!\w)")
_POLITE = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, POLITE)) + r")(?!\w)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an automatic act is not allowed; `why` cites its rule."""

    rule: str

    @property
    def why(self) -> str:
        """The rule's sentence, source and date, as people read it."""
        return RULES[self.rule].cited[:300]


@transaction.atomic
def allow(act: str, reply: Reply, now: datetime) -> Refusal | None:
    """Whether this may be done automatically; either way it stands in the ledger. What was allowed once stays so.

    Asked within the claim: of two automatic replies to the same message the database lets one through.
    """
    if _was_allowed(act, reply):
        return None
    conversation = Conversation.objects.select_related("customer").get(pk=reply.conversation_id)
    rule = _broken_rule(reply, conversation, now=now)
    if rule is None and _write(act, "addressed_us", reply, is_allowed=True, now=now):
        return None
    refused = rule or "one_each"
    _write(act, refused, reply, is_allowed=False, now=now)
    return Refusal(refused)


def record(act: str, rule: str, *, reply: Reply, now: datetime) -> None:
    """Keep that a person did this, and which rule let them."""
    PolicyLine.objects.create(
        at=now,
        act=act,
        rule=RULES[rule].key,
        is_automatic=False,
        is_allowed=True,
        conversation_id=reply.conversation_id,
        message_id=reply.answers_id,
        reply_id=reply.pk,
        said=said(reply.text),
    )


def notice_opt_outs(tweets: Iterable[Tweet], *, ours: frozenset[int], now: datetime) -> list[Line]:
    """Note who says "stop", for ever, and stop what was on its way to them automatically; returns what to tell.

    Runs inside the transaction that carries the tweets, after they were threaded. Nothing is asked of the database
    where nobody said so.
    """
    saying = [tweet for tweet in tweets if tweet.author_id not in ours and opts_out(tweet.text) and _is_to(tweet, ours)]
    if not saying:
        return []
    people = Customer.objects.filter(pk__in={tweet.author_id for tweet in saying}, opted_out_at=None)
    fresh = set(people.values_list("pk", flat=True))
    if not fresh:
        return []
    Customer.objects.filter(pk__in=fresh).update(opted_out_at=now)
    placed = dict(Message.objects.filter(pk__in=[each.id for each in saying]).values_list("pk", "conversation_id"))
    lines, told = [], set()
    for tweet in saying:
        if tweet.author_id in fresh and tweet.author_id not in told and tweet.id in placed:
            told.add(tweet.author_id)
            lines.append(Line(EventKind.OPTED_OUT, placed[tweet.id], now, message_id=tweet.id))
    return lines + _stop_automatic(fresh, now=now)


def opts_out(text: str) -> bool:
    """Whether a message says "stop" and nothing else; courtesy, @names and punctuation aside."""
    if len(text) > _LONGEST_OPT_OUT:
        return False
    text = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    words = " ".join(_NO_WORD.sub(" ", _NAMES.sub(" ", text)).split())
    return words in _OPT_OUT or " ".join(_POLITE.sub(" ", words).split()) in _OPT_OUT


@transaction.atomic
def set_automation(*, privacy_url: str, is_labelled: bool, by: User, role: str, now: datetime) -> None:
    """Say where the brand's privacy policy is, and that X shows its account as automated."""
    policies.check_can_set_up(role)
    privacy_url = privacy_url.strip()
    if privacy_url and (not re.fullmatch(r"https://[^\s<>\"']+\.[^\s<>\"']+", privacy_url) or len(privacy_url) > 300):
        raise NotNow("Write the whole address of the privacy policy, beginning with https://.")
    ChannelSettings.objects.filter(pk=1).update(privacy_url=privacy_url, is_labelled=is_labelled)
    facts = {"rule": "automation", "privacy_url": privacy_url, "is_labelled": is_labelled}
    audit.record_here(AuditKind.RULE_CHANGED, now=now, by_id=by.pk, facts=facts)


def said(text: str) -> str:
    """The fingerprint of a text: the same for texts that a reader finds the same."""
    return hashlib.sha256(normalised(text).casefold().encode()).hexdigest()[:16]


def _broken_rule(reply: Reply, conversation: Conversation, *, now: datetime) -> str | None:
    """The first rule that forbids this; none: it may go."""
    channel = ChannelSettings.objects.get(pk=1)
    message = Message.objects.filter(pk=reply.answers_id, conversation=conversation.pk).first()
    if conversation.customer.opted_out_at is not None:
        return "opted_out"
    if message is None or message.direction != Direction.INBOUND or not _addressed_us(message):
        return "addressed_us"
    if not channel.is_labelled:
        return "label_first"
    if reply.way == ReplyWay.PRIVATE and (not channel.privacy_url or channel.privacy_url not in reply.text):
        return "privacy_link"
    answered = PolicyLine.objects.filter(message_id=message.pk, act=REPLY, is_automatic=True, is_allowed=True)
    if answered.exclude(reply_id=reply.pk).exists():
        return "one_each"
    return "same_to_many" if _was_said_to_many(reply, now=now) else None


def _addressed_us(message: Message) -> bool:
    return message.is_private or (message.reach == Reach.DIRECT and not message.deleted_at)


def _was_said_to_many(reply: Reply, *, now: datetime) -> bool:
    since = now - timedelta(hours=SAME_TEXT_WITHIN_HOURS)
    same = PolicyLine.objects.filter(said=said(reply.text), at__gt=since, is_automatic=True, is_allowed=True)
    others = same.exclude(conversation_id=reply.conversation_id)
    return others.order_by().values("conversation_id").distinct().count() >= SAME_TEXT_TO


def _was_allowed(act: str, reply: Reply) -> bool:
    """Allowed before: it is tried again. Unless they opted out since."""
    lines = PolicyLine.objects.filter(reply_id=reply.pk, act=act, is_automatic=True, is_allowed=True)
    if not lines.filter(said=said(reply.text)).exists():
        return False
    return not Customer.objects.filter(conversations=reply.conversation_id, opted_out_at__isnull=False).exists()


def _write(act: str, rule: str, reply: Reply, *, is_allowed: bool, now: datetime) -> bool:
    """Add a line; whether it was added, which only a rival for the same message prevents."""
    row: list[Any] = [now, act, rule, is_allowed, reply.conversation_id, reply.answers_id, reply.pk, said(reply.text)]
    with connection.cursor() as cursor:
        cursor.execute(_LINE, row)
        return bool(cursor.rowcount)


def _stop_automatic(customers: set[int], *, now: datetime) -> list[Line]:
    waiting = Reply.objects.select_for_update(of=("self",)).filter(
        conversation__customer__in=customers, author=None, status=ReplyStatus.APPROVED
    )
    lines = []
    for reply in waiting.order_by("pk"):
        replies.move(reply, ReplyStatus.SENT_BACK)
        reply.why, reply.sent_back_at = RULES["opted_out"].cited[:300], now
        reply.undo_until = reply.not_before = None
        reply.save()
        _write(REPLY, "opted_out", reply, is_allowed=False, now=now)
        lines.append(Line(EventKind.REPLY_SENT_BACK, reply.conversation_id, now, reply_id=reply.pk))
    return lines


def _is_to(tweet: Tweet, ours: frozenset[int]) -> bool:
    """Whether it was said to the brand, not to somebody else within its hearing."""
    if tweet.is_private:
        return True
    return tweet.in_reply_to_user_id in ours or any(pk in ours for pk, _ in tweet.mentioned)


def _as_listened(words: Sequence[str] | frozenset[str]) -> frozenset[str]:
    plain = (unicodedata.normalize("NFC", each).casefold() for each in words)
    return frozenset(" ".join(_NO_WORD.sub(" ", each).split()) for each in plain)


_OPT_OUT = _as_listened(OPT_OUT)
_LINE = """
INSERT INTO inbox_policyline (at, act, rule, is_automatic, is_allowed, conversation_id, message_id, reply_id, said)
VALUES (%s, %s, %s, true, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
