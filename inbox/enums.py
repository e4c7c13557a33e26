from django.db import models


class ArrivalKind(models.TextChoices):
    """What Twitter sent. Tweets reach us as several kinds of event; one tweet is one arrival."""

    TWEET = "tweet", "tweet"
    DELETION = "deletion", "deletion"
    PRIVATE = "private", "direct message"
    CHAT = "chat", "encrypted message"
    PERSON = "person", "what somebody did or changed about themselves"
    OTHER = "other", "other"


class Source(models.TextChoices):
    """By which way something came from Twitter."""

    WEBHOOK = "webhook", "webhook"
    REPLAY = "replay", "webhook, replayed"
    STREAM = "stream", "filtered stream"
    MENTIONS = "mentions", "mentions, asked for"
    SEARCH = "search", "recent search"
    PRIVATES = "privates", "direct messages, asked for"
    LOOKUP = "lookup", "looked up by id"


class Outcome(models.TextChoices):
    """What became of an arrival."""

    MESSAGE = "message", "a message in a conversation"
    AMPLIFICATION = "amplification", "a retweet: counted, never work"
    BROADCAST = "broadcast", "the brand's own tweet that answers nobody"
    ORPHAN = "orphan", "continues a tweet that has not arrived"
    NOT_OURS = "not_ours", "neither from, to nor about one of our handles"
    DELETED = "deleted", "a deletion, carried out"
    KEPT = "kept", "kept; Nightjar does not act on this kind yet"
    UNREADABLE = "unreadable", "not of a shape that we know; kept"
    NOTED = "noted", "what somebody did, noted about them"


class Direction(models.TextChoices):
    INBOUND = "in", "from the customer"
    OUTBOUND = "out", "from the brand"


class Reach(models.TextChoices):
    """How a tweet came to us."""

    DIRECT = "direct", "names the handle"
    BROAD = "broad", "names the brand, not the handle"
    PROACTIVE = "proactive", "named nobody; we were listening"


class Answerable(models.TextChoices):
    """Whether the API may answer a message in public, as far as is known. Empty for our own messages."""

    ELIGIBLE = "eligible", "may be answered here"
    UNKNOWN = "unknown", "may be refused by Twitter"
    NOT_ELIGIBLE = "not_eligible", "cannot be answered from here"


class Urgency(models.IntegerChoices):
    """How soon it must be looked at."""

    CALM = 0, "calm"
    NORMAL = 1, "normal"
    SOON = 2, "soon"
    NOW = 3, "now"


class ReplyStatus(models.TextChoices):
    DRAFT = "draft", "draft"
    SUBMITTED = "submitted", "waiting for approval"
    ELSEWHERE = "elsewhere", "to be posted in X by hand"
    SENT_BACK = "sent_back", "sent back"
    APPROVED = "approved", "on its way"
    POSTING = "posting", "being posted"
    POSTED = "posted", "posted"
    REFUSED = "refused", "refused by Twitter"
    UNKNOWN = "unknown", "fate unknown"


# Which state a reply may leave for which. `docs/replies.md` draws it; a test holds the two together.
REPLY_MOVES: dict[str, tuple[str, ...]] = {
    ReplyStatus.DRAFT: (ReplyStatus.SUBMITTED, ReplyStatus.APPROVED, ReplyStatus.ELSEWHERE),
    ReplyStatus.SUBMITTED: (
        ReplyStatus.APPROVED,
        ReplyStatus.SENT_BACK,
        ReplyStatus.DRAFT,
        ReplyStatus.ELSEWHERE,
    ),
    ReplyStatus.SENT_BACK: (
        ReplyStatus.SUBMITTED,
        ReplyStatus.APPROVED,
        ReplyStatus.POSTED,
        ReplyStatus.ELSEWHERE,
    ),
    # Handed to a person, who posts it in X; recognised when it comes back as the brand's own tweet.
    ReplyStatus.ELSEWHERE: (ReplyStatus.POSTED, ReplyStatus.DRAFT, ReplyStatus.APPROVED),
    ReplyStatus.APPROVED: (
        ReplyStatus.POSTING,
        ReplyStatus.POSTED,
        ReplyStatus.DRAFT,
        ReplyStatus.SUBMITTED,
        ReplyStatus.SENT_BACK,
        ReplyStatus.ELSEWHERE,
    ),
    ReplyStatus.POSTING: (ReplyStatus.APPROVED, ReplyStatus.POSTED, ReplyStatus.REFUSED, ReplyStatus.UNKNOWN),
    ReplyStatus.UNKNOWN: (ReplyStatus.APPROVED, ReplyStatus.POSTED),
    ReplyStatus.REFUSED: (ReplyStatus.APPROVED, ReplyStatus.POSTED),
    ReplyStatus.POSTED: (),
}


class ReplyWay(models.TextChoices):
    """How a reply reaches its customer."""

    PUBLIC = "public", "public reply"
    QUOTE = "quote", "quote"
    PRIVATE = "private", "direct message"


class MediaKind(models.TextChoices):
    PHOTO = "photo", "photo"
    GIF = "gif", "GIF"
    VIDEO = "video", "video"


class MediaState(models.TextChoices):
    """How far a file is on its way to Twitter."""

    WAITING = "waiting", "waiting"
    PROCESSING = "processing", "being processed by Twitter"
    READY = "ready", "ready"
    REFUSED = "refused", "refused by Twitter"


class ErrandKind(models.TextChoices):
    """What can be done at Twitter besides saying something."""

    DELETE = "delete", "delete our tweet"
    EDIT = "edit", "edit our tweet"
    HIDE = "hide", "hide a reply"
    UNHIDE = "unhide", "show a hidden reply again"
    LIKE = "like", "like"
    UNLIKE = "unlike", "take a like back"


class ErrandState(models.TextChoices):
    WANTED = "wanted", "on its way"
    UNDER_WAY = "under_way", "being done"
    DONE = "done", "done"
    REFUSED = "refused", "refused by Twitter"
    UNKNOWN = "unknown", "fate unknown"


class EventKind(models.TextChoices):
    OPENED = "opened", "conversation opened"
    REOPENED = "reopened", "conversation reopened"
    MESSAGE_ARRIVED = "message_arrived", "customer wrote"
    MESSAGE_POSTED = "message_posted", "brand wrote"
    MESSAGE_DELETED = "message_deleted", "tweet deleted"
    AMPLIFIED = "amplified", "retweeted"
    TAKEN = "taken", "taken"
    GIVEN_BACK = "given_back", "given back"
    REPLY_COMPOSED = "reply_composed", "reply written"
    REPLY_APPROVED = "reply_approved", "reply approved"
    REPLY_POSTED = "reply_posted", "reply posted"
    REPLY_REFUSED = "reply_refused", "reply refused by Twitter"
    REPLY_DELAYED = "reply_delayed", "Twitter says: not now"
    REPLY_UNKNOWN = "reply_unknown", "fate of a reply unknown"
    REPLY_RETRIED = "reply_retried", "reply tried again"
    REPLY_SUBMITTED = "reply_submitted", "reply waits for approval"
    REPLY_CHANGED = "reply_changed", "reply changed by its approver"
    REPLY_SENT_BACK = "reply_sent_back", "reply sent back"
    REPLY_TAKEN_BACK = "reply_taken_back", "reply taken back before it was posted"
    REPLY_DISCARDED = "reply_discarded", "draft thrown away"
    NOTED = "noted", "note written"
    TAGGED = "tagged", "tag put on"
    UNTAGGED = "untagged", "tag taken off"
    CLOSED = "closed", "conversation closed"
    MESSAGE_EDITED = "message_edited", "tweet edited"
    MESSAGE_HIDDEN = "message_hidden", "no longer to be shown"
    REPLY_ELSEWHERE = "reply_elsewhere", "handed over to X by hand"
    WENT_PRIVATE = "went_private", "invited to direct messages"
    ERRAND_WANTED = "errand_wanted", "asked of Twitter"
    ERRAND_DONE = "errand_done", "done at Twitter"
    ERRAND_REFUSED = "errand_refused", "refused by Twitter"
    OPTED_OUT = "opted_out", "wants no automatic answers"
    CHANNEL_QUIET = "channel_quiet", "nothing heard from Twitter for too long"


# What webhooks call the kinds of events. Programs rely on these names: one may be added, none is changed.
WEBHOOK_TYPES: dict[EventKind, str] = {
    EventKind.OPENED: "conversation.opened",
    EventKind.REOPENED: "conversation.reopened",
    EventKind.TAKEN: "conversation.taken",
    EventKind.GIVEN_BACK: "conversation.given_back",
    EventKind.TAGGED: "conversation.tagged",
    EventKind.UNTAGGED: "conversation.untagged",
    EventKind.NOTED: "conversation.noted",
    EventKind.CLOSED: "conversation.closed",
    EventKind.MESSAGE_ARRIVED: "message.arrived",
    EventKind.MESSAGE_POSTED: "message.posted",
    EventKind.MESSAGE_DELETED: "message.deleted",
    EventKind.AMPLIFIED: "message.retweeted",
    EventKind.REPLY_COMPOSED: "reply.composed",
    EventKind.REPLY_SUBMITTED: "reply.submitted",
    EventKind.REPLY_CHANGED: "reply.changed",
    EventKind.REPLY_SENT_BACK: "reply.sent_back",
    EventKind.REPLY_TAKEN_BACK: "reply.taken_back",
    EventKind.REPLY_DISCARDED: "reply.discarded",
    EventKind.REPLY_APPROVED: "reply.approved",
    EventKind.REPLY_POSTED: "reply.posted",
    EventKind.REPLY_REFUSED: "reply.refused",
    EventKind.REPLY_DELAYED: "reply.delayed",
    EventKind.REPLY_UNKNOWN: "reply.unknown",
    EventKind.REPLY_RETRIED: "reply.retried",
    EventKind.MESSAGE_EDITED: "message.edited",
    EventKind.MESSAGE_HIDDEN: "message.hidden",
    EventKind.REPLY_ELSEWHERE: "reply.elsewhere",
    EventKind.WENT_PRIVATE: "conversation.went_private",
    EventKind.ERRAND_WANTED: "errand.wanted",
    EventKind.ERRAND_DONE: "errand.done",
    EventKind.ERRAND_REFUSED: "errand.refused",
    EventKind.OPTED_OUT: "customer.opted_out",
    EventKind.CHANNEL_QUIET: "channel.quiet",
}


class FoundingDisposition(models.TextChoices):
    """How a conversation can end in a brand that has not changed its list yet. Only the first resolves."""

    RESOLVED = "resolved", "resolved"
    PRIVATE = "private", "went on in private"
    NO_ANSWER_NEEDED = "no_answer_needed", "no answer needed"
    GAVE_UP = "gave_up", "customer did not come back"
    SPAM = "spam", "spam"
