"""How much may still be asked of Twitter: limits per account and per app, the app's direct messages, and its credits.

Limits are kept per account and endpoint in the brand (`Allowance`), and per app in the shared rows `AppBudget`. What
Twitter's headers say goes before our table of limits. Counting is exact where the cap is shared and hard: a direct
message takes its place in the app's day before it is sent, in the transaction that claims it, and gives it back when
Twitter did not take it. All else is advice: two processes may both be told "yes" once, and Twitter has the last word.

How the day's direct messages are shared: each brand is guaranteed a part that nobody else may use (`GUARANTEED` of an
equal share). The rest is lent to whoever comes first. Of both, automation leaves `KEPT_FOR_PEOPLE` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from inbox.enums import ReplyWay
from inbox.models import Allowance
from inbox.twitter.client import NotNow
from inbox.twitter.metering import CallReport
from inbox.twitter.terms import GUARANTEED, KEPT_FOR_PEOPLE, LIMITS, SHARED_SECONDS
from tenants.models import AppBudget, AppState, Brand, BrandState

PRIVATES, GUARANTEES, CREDITS, SHARES = "dm", "dm:guaranteed", "credits", "dm:brands"
POSTING = "POST /2/tweets"
_PROBE = timedelta(minutes=1)
_WITHOUT_RESET = timedelta(minutes=1)
_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shared:
    """How the app's direct messages of the present day stand, and this brand's part of them."""

    cap: int
    used: int
    own: int
    guaranteed: int
    resets_at: datetime | None

    @property
    def left(self) -> int:
        return max(0, self.cap - self.used)


def may_send(way: str, is_automatic: bool, now: datetime, *, handle_id: int = 0) -> NotNow | None:
    """Whether a reply may go out this way now; else why not, and until when. Called within the claim's transaction.

    A direct message that may go out has taken its place in the app's day: tell `used` what became of it.
    """
    stopped = credits_stopped(now)
    if stopped is not None:
        return stopped
    if way != ReplyWay.PRIVATE:
        return _within_limits(POSTING, handle_id, now)
    return _take_private(is_automatic, now)


def used(way: str, was_sent: bool, now: datetime) -> None:
    """What became of a send that `may_send` allowed. One that Twitter certainly did not take gives its place back."""
    if way == ReplyWay.PRIVATE and not was_sent:
        _give_back(now)


def may_call(endpoint: str, handle_id: int, now: datetime) -> NotNow | None:
    """Whether this account may call this endpoint ("GET /2/tweets") now; else why not, and until when."""
    return credits_stopped(now) or _within_limits(endpoint, handle_id, now)


def calls_left(endpoint: str, handle_id: int, now: datetime) -> int:
    """How many calls of this endpoint, whose limit all brands share, this account may still make in this window.

    Half of the limit is whoever's comes first; of the other half each brand has an equal part that nobody else may use.
    """
    limit = LIMITS[endpoint]
    if limit.app is None:
        return limit.user[0] if limit.user else 0
    shared = AppBudget.objects.filter(name=f"app {endpoint}").first()
    taken = shared.used if shared is not None and _ends(shared) > now else 0
    own = Allowance.objects.filter(handle_id=handle_id, endpoint=endpoint, resets_at__gt=now).first()
    half = limit.app[0] // 2
    return max(half - taken, half // _brands() - (own.used if own else 0), 0)


def is_used_up(endpoint: str, handle_id: int, now: datetime) -> bool:
    """Whether this account's limit, or the app's, for this endpoint has nothing left in the window that runs."""
    return _within_limits(endpoint, handle_id, now) is not None


def credits_stopped(now: datetime) -> NotNow | None:
    """Why nothing that costs money is called now; None: it may be. After its time one caller is let through to try."""
    state = AppState.objects.filter(pk=CREDITS).first()
    if state is None:
        return None
    if state.until is not None and state.until <= now:
        probes = AppState.objects.filter(pk=CREDITS, until=state.until)
        if probes.update(until=now + _PROBE):
            return None
    until = state.until if state.until and state.until > now else now + timedelta(minutes=5)
    return NotNow(f"Nightjar's credits at Twitter are used up: {state.why or 'payment is required'}", until=until)


def credits_came_back(now: datetime) -> bool:
    """Something billable was done after all: whether that ended a stop."""
    gone, _ = AppState.objects.filter(pk=CREDITS, since__lt=now).delete()
    return bool(gone)


def note(report: CallReport, *, handle_id: int, now: datetime) -> None:
    """Keep what an answered call says about limits: Twitter's headers, its 429, or one more of what we know of."""
    endpoint = f"{report.method} {report.endpoint}"
    limit = LIMITS.get(endpoint)
    window = _window(report, limit.user if limit else None, now=now)
    if window is not None:
        _write_allowance(handle_id, endpoint, *window, counts=not _has_headers(report.headers), now=now)
    if limit is not None and limit.app is not None:
        _count_for_app(f"app {endpoint}", *limit.app, now=now)
    if report.billed == "dm.send" or "/dm_conversations" in report.endpoint:
        _note_shared(report, now=now)


def shared_privates(now: datetime) -> Shared:
    """How the app's direct messages stand, for whoever looks at this brand's limits."""
    row = AppBudget.objects.filter(name=PRIVATES).first()
    is_running = row is not None and _ends(row) > now
    ends = _ends(row) if row is not None and is_running else None
    own = Allowance.objects.filter(handle_id=0, endpoint=PRIVATES, resets_at=ends).first() if ends else None
    return Shared(
        cap=settings.TWITTER_DM_CAP,
        used=row.used if row is not None and is_running else 0,
        own=own.used if own else 0,
        guaranteed=_guaranteed(_brands()),
        resets_at=ends,
    )


def share_out(now: datetime) -> int:
    """Write down among how many brands the app's direct messages are shared. Called in the directory, by the sweep."""
    count = Brand.objects.filter(state=BrandState.LIVE).count()
    kept = {"cap": count, "began_at": now, "seconds": SHARED_SECONDS}
    AppBudget.objects.update_or_create(pk=SHARES, defaults=kept)
    return count


def allowances(now: datetime) -> list[Allowance]:
    """The limits that this brand's accounts have met in windows that still run, the tightest first."""
    rows = Allowance.objects.filter(resets_at__gt=now).exclude(handle_id=0).order_by("pk")[:200]
    return sorted(rows, key=lambda row: -(row.used / max(row.cap, 1)))


def _within_limits(endpoint: str, handle_id: int, now: datetime) -> NotNow | None:
    row = Allowance.objects.filter(handle_id=handle_id, endpoint=endpoint, resets_at__gt=now).first()
    if row is not None and row.used >= row.cap:
        what = LIMITS[endpoint].name if endpoint in LIMITS else endpoint
        return NotNow(f"Twitter's limit for this account is used up ({what}: {row.cap}).", until=row.resets_at)
    limit = LIMITS.get(endpoint)
    if limit is None or limit.app is None:
        return None
    shared = AppBudget.objects.filter(name=f"app {endpoint}").first()
    if shared is None or shared.used < shared.cap or _ends(shared) <= now:
        return None
    return NotNow(f"Twitter's limit for all of Nightjar is used up ({limit.name}: {shared.cap}).", until=_ends(shared))


# --- the app's direct messages


@transaction.atomic
def _take_private(is_automatic: bool, now: datetime) -> NotNow | None:
    cap, count = settings.TWITTER_DM_CAP, _brands()
    guaranteed = _guaranteed(count)
    began_at, taken = _open_window(cap, now)  # locked from here on: brands take their places one after another
    ends = began_at + timedelta(seconds=SHARED_SECONDS)
    within = _within_guarantees(guaranteed * count, began_at)
    own = _own(GUARANTEES, ends)
    part = 1 - KEPT_FOR_PEOPLE if is_automatic else 1.0
    is_guaranteed = own < int(guaranteed * part)
    lent, lendable = taken - within, cap - guaranteed * count
    if taken >= cap or not (is_guaranteed or lent < int(lendable * part)):
        whose = "automatic direct messages" if is_automatic else "direct messages"
        return NotNow(f"Today's {whose} are used up: Twitter allows {cap} a day for all of Nightjar.", until=ends)
    _add(1, is_guaranteed=is_guaranteed, ends=ends, cap=guaranteed)
    return None


@transaction.atomic
def _give_back(now: datetime) -> None:
    row = AppBudget.objects.select_for_update().filter(name=PRIVATES).first()
    if row is None or _ends(row) <= now:
        return
    own, within = _own(PRIVATES, _ends(row)), _own(GUARANTEES, _ends(row))
    if own:  # what was lent goes back first
        _add(-1, is_guaranteed=own <= within, ends=_ends(row), cap=_guaranteed(_brands()))


def _open_window(cap: int, now: datetime) -> tuple[datetime, int]:
    """The running day of direct messages, begun anew when the one before is over; its row is locked."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [PRIVATES, cap, now, SHARED_SECONDS, now, now])
        began_at, taken = cursor.fetchone()
    return began_at, int(taken)


def _within_guarantees(cap: int, began_at: datetime) -> int:
    """How many of the day's messages went out within brands' guaranteed parts."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_SAME, [GUARANTEES, cap, began_at, SHARED_SECONDS, began_at, began_at])
        return int(cursor.fetchone()[0])


def _own(name: str, ends: datetime) -> int:
    found = Allowance.objects.filter(handle_id=0, endpoint=name, resets_at=ends).values_list("used", flat=True)
    return found.first() or 0


def _add(number: int, *, is_guaranteed: bool, ends: datetime, cap: int) -> None:
    names = [PRIVATES, GUARANTEES] if is_guaranteed else [PRIVATES]
    for name in names:
        AppBudget.objects.filter(name=name, used__gte=max(0, -number)).update(used=F("used") + number)
        with connection.cursor() as cursor:
            cursor.execute(_OWN, [name, cap, max(0, number), ends, number])


def _brands() -> int:
    return max(1, AppBudget.objects.filter(pk=SHARES).values_list("cap", flat=True).first() or 1)


def _guaranteed(count: int) -> int:
    return int(settings.TWITTER_DM_CAP * GUARANTEED / count)


def _note_shared(report: CallReport, *, now: datetime) -> None:
    """Twitter counts for itself: where it says that nothing is left, or less than we think, that is so."""
    left = _number(report.headers, "x-app-limit-24hour-remaining")
    if left is not None:
        spent = max(0, settings.TWITTER_DM_CAP - left)
        AppBudget.objects.filter(name=PRIVATES, used__lt=spent).update(used=spent)


# --- windows


def _window(report: CallReport, known: tuple[int, int] | None, *, now: datetime) -> tuple[int, int, datetime] | None:
    """The cap, how much of it is used, and when the window ends; none where nothing is known."""
    cap, left = _number(report.headers, "x-rate-limit-limit"), _number(report.headers, "x-rate-limit-remaining")
    reset = _number(report.headers, "x-rate-limit-reset")
    ends = _instant(reset, now) if reset is not None else None
    if report.status == 429:
        cap = cap or (known[0] if known else 1)
        return cap, cap, ends or now + _WITHOUT_RESET
    if cap is not None and left is not None and ends is not None:
        return cap, max(0, cap - left), ends
    return (known[0], 1, now + timedelta(seconds=known[1])) if known else None


def _has_headers(headers: Mapping[str, str]) -> bool:
    return "x-rate-limit-reset" in headers or "x-rate-limit-remaining" in headers


def _write_allowance(
    handle_id: int, endpoint: str, cap: int, spent: int, ends: datetime, *, counts: bool, now: datetime
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ALLOW, [handle_id, endpoint[:80], cap, spent, ends, counts, now, counts, now])


def _count_for_app(name: str, cap: int, seconds: int, *, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [name[:60], cap, now, seconds, now, now])


def _ends(row: AppBudget) -> datetime:
    return row.began_at + timedelta(seconds=row.seconds)


def _instant(seconds: int, now: datetime) -> datetime:
    """No window ends further away than a day: a header that says so is nonsense, and would hold everything back."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return now + _WITHOUT_RESET
    return min(max(at, now + timedelta(seconds=1)), now + _LONGEST)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    said = headers.get(name, "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 12 else None


_OPEN = """
INSERT INTO tenants_appbudget AS b (name, cap, used, began_at, seconds) VALUES (%s, %s, 0, %s, %s)
ON CONFLICT (name) DO UPDATE SET cap = excluded.cap, seconds = excluded.seconds,
    used = CASE WHEN b.began_at + b.seconds * interval '1 second' <= %s THEN 0 ELSE b.used END,
    began_at = CASE WHEN b.began_at + b.seconds * interval '1 second' <= %s THEN excluded.began_at ELSE b.began_at END
RETURNING began_at, used
"""
# The companion's window is the same one: it begins anew whenever that did.
_OPEN_SAME = """
INSERT INTO tenants_appbudget AS b (name, cap, used, began_at, seconds) VALUES (%s, %s, 0, %s, %s)
ON CONFLICT (name) DO UPDATE SET cap = excluded.cap, seconds = excluded.seconds,
    used = CASE WHEN b.began_at = %s THEN b.used ELSE 0 END, began_at = %s
RETURNING used
"""
_COUNT = """
INSERT INTO tenants_appbudget AS b (name, cap, used, began_at, seconds) VALUES (%s, %s, 1, %s, %s)
ON CONFLICT (name) DO UPDATE SET cap = excluded.cap, seconds = excluded.seconds,
    used = CASE WHEN b.began_at + b.seconds * interval '1 second' <= %s THEN 1 ELSE b.used + 1 END,
    began_at = CASE WHEN b.began_at + b.seconds * interval '1 second' <= %s THEN excluded.began_at ELSE b.began_at END
"""
_OWN = """
INSERT INTO inbox_allowance AS a (handle_id, endpoint, cap, used, resets_at) VALUES (0, %s, %s, %s, %s)
ON CONFLICT (handle_id, endpoint) DO UPDATE SET cap = excluded.cap, resets_at = excluded.resets_at,
    used = greatest(0, CASE WHEN a.resets_at = excluded.resets_at THEN a.used ELSE 0 END + %s)
"""
_ALLOW = """
INSERT INTO inbox_allowance AS a (handle_id, endpoint, cap, used, resets_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (handle_id, endpoint) DO UPDATE SET cap = excluded.cap,
    used = CASE WHEN %s AND a.resets_at > %s THEN a.used + excluded.used ELSE excluded.used END,
    resets_at = CASE WHEN %s AND a.resets_at > %s THEN a.resets_at ELSE excluded.resets_at END
"""
