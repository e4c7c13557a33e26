"""The switches of this Twitter: what each may be, and what it is when nobody chose.

Where X's own words leave two readings open, a switch stands for each of them.
"""

from dataclasses import dataclass
from typing import Any

from inbox.twitter.sandbox.problems import malformed


@dataclass(frozen=True, slots=True)
class Setting:
    default: Any
    about: str
    choices: tuple[Any, ...] = ()
    least: float | None = None  # for numbers
    most: float = 86_400
    may_be_null: bool = False
    is_whole: bool = True

    def check(self, name: str, value: object) -> None:
        if value is None and self.may_be_null:
            return
        if self.choices:
            if value not in self.choices or type(value) is not type(self.choices[0]):
                shown = ", ".join(str(one).lower() for one in self.choices)
                raise malformed(f"`{name}` is one of {shown}.")
            return
        kinds = int if self.is_whole else (int, float)
        if not isinstance(value, kinds) or isinstance(value, bool) or not (self.least or 0) <= value <= self.most:
            unit = "whole number" if self.is_whole else "number"
            raise malformed(f"`{name}` is a {unit} from {self.least or 0:g} to {self.most:g}.")


def _switch(default: bool, about: str) -> Setting:
    return Setting(default, about, choices=(True, False))


def _seconds(default: float, about: str, least: float = 1) -> Setting:
    return Setting(default, about, least=least, is_whole=least >= 1)


KNOWN = {
    "vocabulary": Setting("tweet", "the names Twitter gives to fields", choices=("tweet", "post")),
    "strict_vocabulary": _switch(False, "whether parameters of the other vocabulary are refused"),
    "plan": Setting("enterprise", "likes, replay, limits, backfill", choices=("self_serve", "enterprise")),
    "summoned_rule": _switch(False, "whether a reply needs to have been asked for, as for self-serve apps"),
    "implicit_mentions_count": _switch(False, "whether a name that Twitter put before a reply asks for one too"),
    "rate_limits": _switch(False, "whether the limits in the headers are also enforced"),
    "rate_headers": _switch(True, "whether 402, 403 and 5xx carry the headers of limits too"),
    "dm_cap": Setting(1_440, "private messages that the app may send in a day", least=0, most=10_000_000),
    "credits": Setting(None, "dollars; none: uncounted", least=-1e9, most=1e9, may_be_null=True, is_whole=False),
    "credits_wording": Setting("depleted", "which of the two refusals", choices=("depleted", "no_credits")),
    "delete_events_billed": _switch(False, "whether post.delete costs what a tweet costs"),
    "deep_link_billed": _switch(False, "whether a button for private messages costs what a link costs"),
    "summoned_link_billed": _switch(True, "whether a summoned reply with a link costs what a link costs"),
    "token_seconds": _seconds(7_200, "how long an access token lasts"),
    "code_seconds": _seconds(30, "and the code that a person comes back with"),
    "index_lag_seconds": _seconds(0, "how long search and timelines do not show a tweet yet", least=0),
    "edit_seconds": _seconds(3_600, "how long a tweet may be edited; X says 30 minutes here and an hour there"),
    "heartbeat_seconds": _seconds(20, "how often a quiet stream says that it lives", least=0.05),
    "rule_seconds": _seconds(0, "how long a change of rules takes; X: about 20", least=0),
    "phantom_seconds": _seconds(0, "how long a stream counts as open after its reader left", least=0),
    "stream_connections": Setting(1, "how many streams may be open at once", least=1, most=50),
    "media_seconds": _seconds(1, "how long a video or a picture that moves is processed", least=0),
    "crc_seconds": Setting(0, "how often webhooks are challenged again; 0: never", least=0),
    "webhook_patience_seconds": Setting(
        100_800, "after how long of errors alone a webhook is no longer valid (X: 28 hours)", least=1, most=1e6
    ),
    "replay_allowed": _switch(True, "whether this app may have events replayed"),
    "replay_rules": _switch(True, "whether a replay ends ten minutes ago and begins 31 minutes ago at the latest"),
    "subscription_shape": Setting("spec", "the answer to a new subscription", choices=("spec", "object", "list")),
    "grants_checked": _switch(True, "whether private events need the account's own grant"),
    "most_subscriptions": Setting(None, "none: as the plan says", least=1, most=1e6, may_be_null=True),
    "payloads": Setting("activity", "in which shape events arrive", choices=("activity", "account_activity")),
    "short_links": _switch(False, "whether links are shown as t.co, as Twitter does"),
    "encrypted_private": _switch(False, "whether private messages of customers are encrypted chats"),
    "reading_limit": Setting(None, "tweets an app may read in a month", least=0, most=1e9, may_be_null=True),
}  # fmt: skip
DEFAULTS: dict[str, Any] = {name: setting.default for name, setting in KNOWN.items()}


def check(changes: dict[str, Any]) -> None:
    """Raises a problem that names the setting and what it may be."""
    for name, value in changes.items():
        if name not in KNOWN:
            raise malformed(f"There is no setting called '{name[:60]}'. There are: {', '.join(KNOWN)}.")
        KNOWN[name].check(name, value)
