"""What can go wrong, by name: switched on by a test or a trainer, remembered in the file.

A fault of posting strikes whatever is written, or only one kind of act (`ACTS`) when it was told which.
"""

from dataclasses import dataclass

from inbox.twitter.sandbox.problems import malformed
from inbox.twitter.sandbox.storage import Storage

POSTING, READING, CONNECTING = "Posting", "Reading", "Connecting"
STREAM, DELIVERY = "Stream", "Delivery"


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    where: str
    about: str
    seconds: float | None = None  # what `seconds` is when nobody said; none: the fault has no duration


# Everything that is written through the API; each can suffer each fault of posting.
ACTS = (
    "tweet", "edit", "delete", "hide", "like", "unlike", "private", "private_delete", "private_block",
    "upload", "upload_initialize", "upload_append", "upload_finalize", "alt_text",
)  # fmt: skip

KINDS = {
    kind.name: kind
    for kind in (
        Kind("lost_answer", POSTING, "The tweet is published, but the connection breaks before the answer."),
        Kind("cut_before", POSTING, "The connection breaks before Twitter took anything."),
        Kind("server_error", POSTING, "Twitter answers 503 and publishes nothing."),
        Kind("server_error_after", POSTING, "Twitter answers 503 although it published the tweet."),
        Kind("time_out", POSTING, "Twitter does not answer for a while and publishes nothing.", 30),
        Kind("time_out_after", POSTING, "Twitter publishes the tweet, then does not answer for a while.", 30),
        Kind("too_many", POSTING, "Twitter answers 429: too many requests, come back later.", 60),
        Kind("duplicate", POSTING, "Twitter claims to have the same text already and refuses it."),
        Kind("forbidden", POSTING, "Twitter refuses the reply because nobody asked for one."),
        Kind("index_lag", READING, "Timelines and mentions do not show the newest tweets yet.", 15),
        Kind("gap", READING, "The mentions timeline leaves out every other tweet."),
        Kind("read_error", READING, "Twitter answers 503 to whoever reads."),
        Kind("unauthorized", READING, "Twitter no longer accepts the account's token."),
        Kind("token_lost", CONNECTING, "New tokens are given, but the connection breaks before the answer."),
        Kind("token_time_out", CONNECTING, "New tokens are given, but Twitter does not answer for a while.", 30),
        Kind("token_error", CONNECTING, "Twitter answers 503 and gives no tokens."),
        Kind("token_refused", CONNECTING, "Twitter says that the grant is over."),
        Kind("stream_disconnect", STREAM, "The stream says that it was disconnected, and ends."),
        Kind("stream_silent", STREAM, "The stream stays open, but nothing comes any more, not even a heartbeat."),
        Kind("stream_phantom", STREAM, "A stream that its reader has left counts as open for a while.", 60),
        Kind("stream_twice", STREAM, "Every tweet of the stream comes twice."),
        Kind("stream_never", STREAM, "Tweets are missing from the stream."),
        Kind("deliver_twice", DELIVERY, "Every event is delivered twice."),
        Kind("deliver_shuffled", DELIVERY, "Events arrive in no particular order.", 2),
        Kind("deliver_late", DELIVERY, "Events arrive late.", 30),
        Kind("deliver_never", DELIVERY, "Events are lost and never arrive."),
    )
}


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    user_id: int  # 0: for everybody
    act: str  # "": whatever is written
    times: int | None  # none: until it is switched off
    seconds: float

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]


class Faults:
    """The switched-on faults. They are few and asked for all the time, so they are kept in memory too."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.on: dict[tuple[str, int, str], Fault] = {}
        self.load()

    def load(self) -> None:
        rows = self.storage.execute("SELECT name, user_id, act, times, seconds FROM disturbances")
        self.on = {(row[0], row[1], row[2]): _fault(row) for row in rows if row[0] in KINDS}

    def switch_on(
        self, name: str, *, times: int | None = None, seconds: float | None = None, user_id: int = 0, act: str = ""
    ) -> None:
        if name not in KINDS:
            raise malformed(f"There is no fault called '{name}'. There are: {', '.join(KINDS)}.")
        if act and (act not in ACTS or KINDS[name].where != POSTING):
            raise malformed(f"`act` goes with a fault of posting and is one of {', '.join(ACTS)}.")
        with self.storage.transaction():
            self.storage.execute(
                "REPLACE INTO disturbances VALUES (?, ?, ?, ?, ?)", (name, user_id, act, times, seconds)
            )
        self.load()

    def switch_off(self, name: str) -> bool:
        with self.storage.transaction():
            removed = self.storage.execute("DELETE FROM disturbances WHERE name = ?", (name,)).rowcount > 0
        self.load()
        return removed

    def active(self) -> list[Fault]:
        order = list(KINDS)
        return sorted(self.on.values(), key=lambda fault: (order.index(fault.name), fault.user_id, fault.act))

    def any_of(self, where: str) -> bool:
        return any(fault.kind.where == where for fault in self.on.values())

    def take(self, name: str, user_id: int | None = None, act: str = "") -> Fault | None:
        """The fault, if it is on for this account, counted down by one; a fault of its own goes before everybody's."""
        keys = [(name, user, kind) for user in (user_id or 0, 0) for kind in (act, "")]
        fault = next((self.on[key] for key in keys if key in self.on), None)
        if fault and fault.times is not None:
            self._count_down(fault)
        return fault

    def _count_down(self, fault: Fault) -> None:
        key = (fault.name, fault.user_id, fault.act)
        with self.storage.transaction():
            self.storage.execute(
                "UPDATE disturbances SET times = times - 1 WHERE name = ? AND user_id = ? AND act = ?", key
            )
            self.storage.execute(
                "DELETE FROM disturbances WHERE name = ? AND user_id = ? AND act = ? AND times <= 0", key
            )
        self.load()


def _fault(row: tuple[str, int, str, int | None, float | None]) -> Fault:
    name, user_id, act, times, seconds = row
    return Fault(name, user_id, act, times, KINDS[name].seconds or 0 if seconds is None else seconds)
