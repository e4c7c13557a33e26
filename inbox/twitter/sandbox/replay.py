"""Replay: the events of a stretch of the last day once more, and a word when all were sent."""

from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.parameters import an_id, read_object
from inbox.twitter.sandbox.registrations import said, webhook_of
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.wire import timestamp

DAY_MS, MINUTE_MS = 86_400_000, 60_000
STATUS = "replay_job_status"


@endpoint("/2/webhooks/replay", users=False, billed=False)
async def replay(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    body = await read_object(request)
    if not sandbox.world.settings["replay_allowed"]:
        raise problems.forbidden(problems.NOT_ON_THIS_PLAN)
    webhook_id = an_id(body.get("webhook_id"), "webhook_id")
    begin, end = _minute(body.get("from_date"), "from_date"), _minute(body.get("to_date"), "to_date")
    webhook = webhook_of(sandbox, webhook_id)
    if not webhook:
        raise problems.no_such("webhook")
    _check_dates(sandbox, begin, end)
    if not webhook["valid"]:
        raise problems.forbidden("The webhook is not valid. Validate it first.")
    job_id = sandbox.world.snowflakes.next()
    _queue_again(sandbox, webhook_id, begin, end, job_id)
    sandbox.deliveries.wake()
    return said(sandbox, {"job_id": str(job_id), "created_at": timestamp(now_ms())})


def _queue_again(sandbox: Sandbox, webhook_id: int, begin: int, end: int, job_id: int) -> None:
    """Everything of that stretch, whether it was delivered or not, each event once, in its order; then the word."""
    now = now_ms()
    done = {
        STATUS: {
            "webhook_id": str(webhook_id),
            "job_state": "Complete",
            "job_state_description": "Job completed successfully",
            "job_id": str(job_id),
        }
    }
    columns = "webhook_id, user_id, event_type, event_uuid, tweet_id, body, state, due_ms, created_ms"
    with sandbox.storage.transaction():
        sandbox.storage.execute(
            f"INSERT INTO deliveries ({columns})"
            " SELECT webhook_id, user_id, event_type, event_uuid, tweet_id, body, 'waiting', ?1, ?1 FROM deliveries"
            " WHERE webhook_id = ?2 AND created_ms >= ?3 AND created_ms < ?4 AND state != 'waiting'"
            " AND body IS NOT NULL AND event_type != ?5 GROUP BY body ORDER BY min(id)",
            (now, webhook_id, begin, end, STATUS),
        )
        sandbox.storage.execute(
            f"INSERT INTO deliveries ({columns}) VALUES (?, NULL, ?, ?, NULL, ?, 'waiting', ?, ?)",
            (webhook_id, STATUS, str(job_id), msgspec.json.encode(done), now + 1_000, now),
        )


def _check_dates(sandbox: Sandbox, begin: int, end: int) -> None:
    now = now_ms()
    if begin >= end:
        raise problems.invalid("`from_date` is before `to_date`.", from_date=begin)
    if begin < now - DAY_MS - MINUTE_MS:
        raise problems.invalid("`from_date` is within the last 24 hours.", from_date=begin)
    if sandbox.world.settings["replay_rules"]:
        if begin > now - 31 * MINUTE_MS:
            raise problems.invalid("`from_date` is at least 31 minutes ago.", from_date=begin)
        if end > now - 10 * MINUTE_MS:
            raise problems.invalid("`to_date` is at least 10 minutes ago.", to_date=end)


def _minute(value: object, name: str) -> int:
    """Milliseconds of `yyyymmddhhmm`, which is UTC."""
    text = str(value)
    if len(text) == 12 and text.isascii() and text.isdigit():
        try:
            return int(datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            pass
    raise problems.invalid(f"`{name}` is written yyyymmddhhmm.", **{name: text[:60]})


ROUTES = [Route("/2/webhooks/replay", replay, methods=["POST"])]
