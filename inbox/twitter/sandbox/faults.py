"""What can go wrong, by name: switched on by a test or a trainer, remembered in the file."""

from dataclasses import dataclass

from inbox.twitter.sandbox.problems import malformed
from inbox.twitter.sandbox.storage import Storage

POSTING, READING, CONNECTING, DELIVERY = "Posting", "Reading", "Connecting", "Delivery"


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    where: str
    about: str
    seconds: float | None = None  # what `seconds` is when nobody said; none: the fault has no duration


KINDS = {
    kind.name: kind
    for kind in (
        Kind("lost_answer", POSTING, "The tweet is published, but the connection breaks before the answer."),
        Kind("server_error", POSTING, "Twitter answers 503 and publishes nothing."),
        Kind("server_error_after", POSTING, "Twitter answers 503 although it published the tweet."),
        Kind("time_out", POSTING, "Twitter does not answer for a while and publishes nothing.", 30),
        Kind("time_out_after", POSTING, "Twitter publishes the tweet, then does not answer for a while.", 30),
        Kind("too_many", POSTING, "Twitter answers 429: too many requests, come back later.", 60),
        Kind("duplicate", POSTING, "Twitter claims to have the same text already and refuses it."),
        Kind("forbidden", POSTING, "Twitter refuses the reply because nobody asked for one."),
        Kind("index_lag", READING, "Timelines and mentions do not show the newest tweets yet.", 15),
        Kind("unauthorized", READING, "Twitter no longer accepts the account's token."),
        Kind("token_lost", CONNECTING, "New tokens are given, but the connection breaks before the answer."),
        Kind("token_time_out", CONNECTING, "New tokens are given, but Twitter does not answer for a while.", 30),
        Kind("token_error", CONNECTING, "Twitter answers 503 and gives no tokens."),
        Kind("token_refused", CONNECTING, "Twitter says that the grant is over."),
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
    times: int | None  # none: until it is switched off
    seconds: float

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]


class Faults:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def switch_on(self, name: str, *, times: int | None = None, seconds: float | None = None, user_id: int = 0) -> None:
        if name not in KINDS:
            raise malformed(f"There is no fault called '{name}'. There are: {', '.join(KINDS)}.")
        with self.storage.transaction():
            self.storage.execute("REPLACE INTO faults VALUES (?, ?, ?, ?)", (name, user_id, times, seconds))

    def switch_off(self, name: str) -> bool:
        with self.storage.transaction():
            return self.storage.execute("DELETE FROM faults WHERE name = ?", (name,)).rowcount > 0

    def active(self) -> list[Fault]:
        rows = self.storage.execute("SELECT name, user_id, times, seconds FROM faults")
        faults = [_fault(row) for row in rows]
        order = list(KINDS)
        return sorted(faults, key=lambda fault: (order.index(fault.name), fault.user_id))

    def take(self, name: str, user_id: int | None = None) -> Fault | None:
        """The fault, if it is on for this account, counted down by one; a fault of its own goes before everybody's."""
        row = self.storage.execute(
            "SELECT name, user_id, times, seconds FROM faults WHERE name = ? AND user_id IN (0, ?)"
            " ORDER BY user_id DESC LIMIT 1",
            (name, user_id or 0),
        ).fetchone()
        if not row:
            return None
        fault = _fault(row)
        if fault.times is not None:
            self._count_down(fault)
        return fault

    def _count_down(self, fault: Fault) -> None:
        with self.storage.transaction():
            key = (fault.name, fault.user_id)
            self.storage.execute("UPDATE faults SET times = times - 1 WHERE name = ? AND user_id = ?", key)
            self.storage.execute("DELETE FROM faults WHERE name = ? AND user_id = ? AND times <= 0", key)


def _fault(row: tuple[str, int, int | None, float | None]) -> Fault:
    name, user_id, times, seconds = row
    return Fault(name, user_id, times, KINDS[name].seconds or 0 if seconds is None else seconds)
