"""May a message be answered here? By what X allows programs, and by what became of the message and its author since.

X lets a program of a self-serve plan answer only who named or quoted the brand (since 2026-02-23). How it reads names
that it put in front of an answer itself is not published: a switch, `TWITTER_IMPLICIT_MENTIONS_COUNT`. Each verdict
has the key of a rule in `policy.toml`, which has its sentence, date and source.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from inbox.enums import Answerable, Direction, Outcome
from inbox.models import Arrival, ChannelSettings, Conversation, Customer, Message
from inbox.twitter.shapes import Tweet
from inbox.twitter.terms import RULES
from tenants.database.bulk import ask, bigints

Judgement = tuple[Answerable, str]

_MAY = {"yes": Answerable.ELIGIBLE, "perhaps": Answerable.UNKNOWN, "no": Answerable.NOT_ELIGIBLE}
_JUDGEMENTS: dict[str, Judgement] = {
    key: (_MAY[rule.may], key) for key, rule in RULES.items() if rule.about == "answering"
}
_LIMITED = {"following": "only_followed", "subscribers": "only_subscribers", "verified": "only_verified"}
# What Twitter says when it refuses, in small letters, and which rule that was.
_REFUSED = (
    ("have not been mentioned or otherwise engaged", "refused_not_summoned"),
    ("blocked from", "blocks_us"),
    ("have been blocked", "blocks_us"),
    ("restricted who can reply", "refused_settings"),
    ("reply to this conversation is not allowed", "refused_settings"),
    ("deleted or not visible", "refused_not_visible"),
    ("not authorized to see", "refused_not_visible"),
)
_NO_PRIVATE = "permission to dm"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message may be answered in public and in private, and why, in a sentence for the person who writes."""

    public: Answerable
    why: str
    may_private: bool
    private_why: str = ""

    @property
    def sentence(self) -> str:
        """Why it may be answered in public or not, and what to do instead."""
        return RULES[self.why].sentence

    @property
    def private_sentence(self) -> str:
        """Why it cannot be answered in private; empty where it can."""
        return RULES[self.private_why].sentence if self.private_why else ""


def judge(
    tweets: Iterable[Tweet], *, ours: frozenset[int], plan: str, own_tweets: frozenset[int] = frozenset()
) -> dict[int, Judgement]:
    """For each tweet that is not the brand's own: whether the API may answer it, and by which rule.

    Nothing is asked of anybody: only what the tweet says of itself. `own_tweets` are ids known to be tweets of ours.
    """
    counts, is_enterprise = bool(settings.TWITTER_IMPLICIT_MENTIONS_COUNT), plan == "enterprise"
    found: dict[int, Judgement] = {}
    for tweet in tweets:
        if tweet.author_id in ours:
            continue
        if tweet.is_private:
            found[tweet.id] = _JUDGEMENTS["encrypted" if tweet.is_encrypted else "private"]
            continue
        why, is_named = _summoned(tweet, ours, own_tweets, counts=counts)
        if is_enterprise and why in ("not_named", "implicit"):
            why = "enterprise"
        limited = tweet.reply_settings
        if limited and limited != "everyone" and why != "not_named":
            why = _within_settings(limited, why, is_named=is_named)
        found[tweet.id] = _JUDGEMENTS[why]
    return found


def quoted_of_ours(tweets: Iterable[Tweet], *, ours: frozenset[int]) -> frozenset[int]:
    """Which of the tweets that these quote are the brand's own, as messages, broadcasts, or here beside them. One
    statement; none where nothing is quoted."""
    batch = list(tweets)
    quoted = {tweet.quote_of for tweet in batch if tweet.quote_of and tweet.author_id not in ours}
    if not quoted:
        return frozenset()
    found = {pk for (pk,) in ask(_OURS_OF, [bigints(quoted), Direction.OUTBOUND.value, Outcome.BROADCAST.value])}
    return frozenset(found | {tweet.id for tweet in batch if tweet.author_id in ours and tweet.id in quoted})


_OURS_OF = """
SELECT id FROM inbox_message WHERE id = ANY($1::bigint[]) AND direction = $2
UNION ALL
SELECT twitter_id FROM inbox_arrival WHERE kind = 'tweet' AND twitter_id = ANY($1::bigint[]) AND outcome = $3
"""


def now_for(message: Message, customer: Customer, conversation: Conversation) -> Verdict:
    """Whether this message may be answered now: what was found when it came, and all that happened since."""
    may_private, private_why = _private(message, customer)
    if message.is_private:
        why = "encrypted" if message.is_encrypted else "private"
        return Verdict(_JUDGEMENTS[why][0], why, may_private, private_why)
    why = _since(message, customer) or message.answerable_why or "implicit"
    if why == "not_named" and message.quote_of_id and _is_ours(message.quote_of_id, conversation):
        why = "quoted"
    if why not in _JUDGEMENTS:
        why = "implicit"
    return Verdict(_JUDGEMENTS[why][0], why, may_private, private_why)


@transaction.atomic
def learn(message_id: int, why: str) -> bool:
    """Keep what Twitter's refusal says about this message, so that it is not tried again; whether it says anything.

    `why` is in Twitter's own words. Refusals that are about the text or our access say nothing about the message.
    """
    words = why.lower()
    message = Message.objects.filter(pk=message_id).first()
    if message is None:
        return False
    if _NO_PRIVATE in words:
        Customer.objects.filter(pk=message.author_id).update(takes_private=False)
        return True
    key = next((key for part, key in _REFUSED if part in words), None)
    if key is None:
        return False
    Message.objects.filter(pk=message_id).update(answerable=Answerable.NOT_ELIGIBLE, answerable_why=key)
    return True


def is_for_x(message: Message, customer: Customer, conversation: Conversation) -> bool:
    """Whether a public answer to this message is to be posted in X by hand, since the API would refuse it."""
    verdict = now_for(message, customer, conversation)
    return not message.is_private and verdict.why in _BY_HAND


# Where a person can still answer in X what a program may not.
_BY_HAND = {"not_named", "refused_not_summoned"}


def _summoned(tweet: Tweet, ours: frozenset[int], own_tweets: frozenset[int], *, counts: bool) -> tuple[str, bool]:
    """The rule by which the author called the brand, and whether the brand is named at all."""
    if tweet.event == "post.mention.create":
        return "mention_event", True
    if tweet.typed and not ours.isdisjoint(tweet.typed):
        return "named", True
    is_named = any(pk in ours for pk, _ in tweet.mentioned)
    if is_named and tweet.in_reply_to_id is None:
        return "named_at_root", True
    if tweet.event == "post.quote.create" or (tweet.quote_of is not None and tweet.quote_of in own_tweets):
        return "quoted", is_named
    if is_named or tweet.in_reply_to_user_id in ours:
        return ("implicit_counts" if counts else "implicit"), is_named
    return "not_named", False


def _within_settings(limited: str, why: str, *, is_named: bool) -> str:
    if limited == "mentionedUsers":
        return why if is_named else "only_mentioned"
    return _LIMITED.get(limited, "only_some")


def _since(message: Message, customer: Customer) -> str:
    """What happened since that rules an answer out; empty: nothing."""
    if message.deleted_at:
        return "deleted"
    if customer.suspended_at:
        return "suspended"
    if customer.is_protected:
        return "protected"
    if customer.blocks_us_at:
        return "blocks_us"
    return "blocked" if customer.blocked_at else ""


def _private(message: Message, customer: Customer) -> tuple[bool, str]:
    if message.is_encrypted:
        return False, "encrypted"
    if customer.suspended_at:
        return False, "suspended"
    if customer.blocks_us_at or customer.blocked_at:
        return False, "blocks_us" if customer.blocks_us_at else "blocked"
    if not ChannelSettings.objects.filter(pk=1, takes_private=True).exists():
        return False, "no_private_here"
    # Whoever wrote to the brand in private can be answered there, whatever they take from strangers.
    if customer.takes_private is False and not message.is_private:
        return False, "takes_no_private"
    return (False, "takes_no_private") if customer.takes_private is False else (True, "")


def _is_ours(tweet_id: int, conversation: Conversation) -> bool:
    if Message.objects.filter(pk=tweet_id, direction=Direction.OUTBOUND).exists():
        return True
    return Arrival.objects.filter(kind="tweet", twitter_id=tweet_id, outcome=Outcome.BROADCAST).exists()
