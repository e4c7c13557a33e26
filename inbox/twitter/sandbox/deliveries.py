"""Carrying events to webhooks: signed, several at a time, again when refused, remembered over a restart.

The line of waiting deliveries is in the file; this module only works it off. A delivery is done when the webhook said
200 within ten seconds and that was written down; in between, a killed process delivers it once more, as Twitter may.
"""

import asyncio
import base64
import hashlib
import hmac
from typing import NamedTuple

from inbox.twitter.sandbox.connections import Caller, Target, Unreachable
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.world import World

AT_ONCE = 8  # connections to one webhook
IN_FLIGHT = 1_000
MOST_TRIES = 50
LONGEST_PAUSE_MS = 60_000
KEPT_MS, TIDIED_EVERY_MS = 86_400_000, 600_000
WRITTEN_EVERY = 0.02  # seconds: results of this long share one transaction


class Due(NamedTuple):
    id: int
    webhook_id: int
    url: str


class Result(NamedTuple):
    state: str
    tries: int
    due_ms: int
    error: str | None
    finished_ms: int | None
    id: int


def signature(secret: bytes, message: bytes) -> str:
    """How Twitter signs: HMAC-SHA256 with the consumer secret, in base64."""
    return "sha256=" + base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()


class Deliveries:
    def __init__(self, storage: Storage, secret: bytes, world: World) -> None:
        self.storage, self.secret, self.world = storage, secret, world
        self.failing: dict[int, int] = {}  # webhooks that answered nothing but errors → since when
        self.tidied_ms = now_ms()
        self.changed = asyncio.Event()
        self.in_flight: set[int] = set()
        self.results: list[Result] = []
        self.couriers: dict[int, Courier] = {}
        self.worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        tasks = [self.worker] if self.worker else []
        for courier in self.couriers.values():
            tasks += courier.tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._write_down()

    def wake(self) -> None:
        """Look at once: something was put in the line."""
        self.changed.set()

    def counts(self) -> dict[str, int]:
        """How the deliveries stand; `failed` are those of the waiting whose last try was refused."""
        states = dict(self.storage.execute("SELECT state, count(*) FROM deliveries GROUP BY state"))
        failed = self.storage.execute("SELECT count(*) FROM deliveries WHERE state = 'waiting' AND tries > 0")
        return {
            "waiting": states.get("waiting", 0),
            "delivered": states.get("delivered", 0),
            "failed": failed.fetchone()[0],
            "given_up": states.get("given_up", 0),
            "withheld": states.get("withheld", 0),
        }

    def forget_webhook(self, webhook_id: int) -> None:
        """Stop delivering to a webhook that is gone or no longer valid; what waits for it will not arrive."""
        with self.storage.transaction():
            self.storage.execute(
                "UPDATE deliveries SET state = 'withheld', finished_ms = ? WHERE webhook_id = ? AND state = 'waiting'",
                (now_ms(), webhook_id),
            )
        if courier := self.couriers.pop(webhook_id, None):
            courier.dismiss()

    def forget_everything(self) -> None:
        for courier in self.couriers.values():
            courier.dismiss()
        self.couriers.clear()
        self.in_flight.clear()
        self.results.clear()

    def finished(self, result: Result) -> None:
        self.results.append(result)
        if len(self.results) == 1:
            asyncio.get_running_loop().call_later(WRITTEN_EVERY, self._write_down)

    async def _work(self) -> None:
        while True:
            self.changed.clear()
            now = now_ms()  # one reading for both questions: what falls due between two would be overlooked
            for due in self._due(now):
                self.in_flight.add(due.id)
                if due.webhook_id not in self.couriers:
                    self.couriers[due.webhook_id] = Courier(self, due.webhook_id, Target.of(due.url))
                self.couriers[due.webhook_id].line.put_nowait(due.id)
            try:
                async with asyncio.timeout(self._pause(now)):
                    await self.changed.wait()
            except TimeoutError:
                continue

    def _due(self, now: int) -> list[Due]:
        """The next in line that nobody is carrying yet."""
        if len(self.in_flight) > IN_FLIGHT // 2:
            return []
        rows = self.storage.execute(
            "SELECT delivery.id, webhook_id, url FROM deliveries AS delivery JOIN webhooks ON webhooks.id = webhook_id"
            " WHERE state = 'waiting' AND due_ms <= ? ORDER BY due_ms, delivery.id LIMIT ?",
            (now, IN_FLIGHT),
        )
        return [due for due in map(Due._make, rows) if due.id not in self.in_flight]

    def _pause(self, now: int) -> float:
        """Seconds until the next delivery falls due."""
        earliest = self.storage.execute(
            "SELECT min(due_ms) FROM deliveries WHERE state = 'waiting' AND due_ms > ?", (now,)
        ).fetchone()[0]
        return 60.0 if earliest is None else max((earliest - now_ms()) / 1000, 0.001)

    def _write_down(self) -> None:
        if not self.results:
            return
        results, self.results = self.results, []
        with self.storage.transaction():
            self.storage.executemany(
                "UPDATE deliveries SET state = ?, tries = ?, due_ms = ?, last_error = ?, finished_ms = ?"
                " WHERE id = ? AND state = 'waiting'",
                results,
            )
            self._tidy()
        self.in_flight.difference_update(result.id for result in results)
        self.changed.set()

    def _tidy(self) -> None:
        """Bodies are kept for a day, as they may be asked for again."""
        now = now_ms()
        if now - self.tidied_ms > TIDIED_EVERY_MS:
            self.tidied_ms = now
            self.storage.execute(
                "UPDATE deliveries SET body = NULL WHERE webhook_id IN (SELECT id FROM webhooks) AND created_ms < ?"
                " AND state != 'waiting' AND body IS NOT NULL",
                (now - KEPT_MS,),
            )

    def invalidate(self, webhook_id: int) -> None:
        """Nothing more is sent to this webhook until it is validated again."""
        with self.storage.transaction():
            self.storage.execute("UPDATE webhooks SET valid = 0 WHERE id = ?", (webhook_id,))
            self.forget_webhook(webhook_id)
        self.failing.pop(webhook_id, None)

    def has_failed_too_long(self, webhook_id: int) -> bool:
        """Note that a webhook failed, and say whether it did nothing else for longer than Twitter bears."""
        since = self.failing.setdefault(webhook_id, now_ms())
        return now_ms() - since > self.world.settings["webhook_patience_seconds"] * 1000


class Courier:
    """Serves one webhook through a few connections."""

    def __init__(self, deliveries: Deliveries, webhook_id: int, target: Target) -> None:
        self.deliveries, self.webhook_id, self.target = deliveries, webhook_id, target
        self.line: asyncio.Queue[int] = asyncio.Queue()
        self.dismissed = False
        self.tasks = [asyncio.create_task(self._serve()) for _ in range(AT_ONCE)]

    def dismiss(self) -> None:
        self.dismissed = True
        for task in self.tasks:
            # The one that found the webhook invalid is about to end by itself.
            if task is not asyncio.current_task():
                task.cancel()
        while not self.line.empty():
            self.deliveries.in_flight.discard(self.line.get_nowait())

    async def _serve(self) -> None:
        caller = Caller(self.target)
        try:
            while not self.dismissed:
                await self._deliver(await self.line.get(), caller)
        finally:
            caller.close()

    async def _deliver(self, delivery_id: int, caller: Caller) -> None:
        row = self.deliveries.storage.execute(
            "SELECT body, tries FROM deliveries WHERE id = ? AND state = 'waiting'", (delivery_id,)
        ).fetchone()
        if not row:
            self.deliveries.in_flight.discard(delivery_id)
            return
        body, tries = row[0], row[1] + 1
        try:
            status, error = await self._posted(body, caller), None
        except Unreachable as unreachable:
            status, error = 0, str(unreachable)
        except asyncio.CancelledError:
            self.deliveries.in_flight.discard(delivery_id)
            raise
        if status == 200:
            self.deliveries.failing.pop(self.webhook_id, None)
            self.deliveries.finished(Result("delivered", tries, 0, None, now_ms(), delivery_id))
        elif 300 <= status < 400:
            self._invalidate(delivery_id, "the webhook answered with a redirect")
        elif self.deliveries.has_failed_too_long(self.webhook_id):
            self._invalidate(delivery_id, "the webhook failed for too long")
        else:
            self.deliveries.finished(_put_off(delivery_id, tries, error or f"the webhook answered {status}"))

    async def _posted(self, body: bytes, caller: Caller) -> int:
        headers = {
            "content-type": "application/json",
            "x-twitter-webhooks-signature": signature(self.deliveries.secret, body),
        }
        return (await caller.call("POST", body, headers)).status

    def _invalidate(self, delivery_id: int, reason: str) -> None:
        """A redirect makes a webhook invalid at once, and so do errors without end."""
        storage = self.deliveries.storage
        with storage.transaction():
            storage.execute(
                "UPDATE deliveries SET tries = tries + 1, last_error = ? WHERE id = ?", (reason, delivery_id)
            )
            self.deliveries.in_flight.discard(delivery_id)
            self.deliveries.invalidate(self.webhook_id)


def _put_off(delivery_id: int, tries: int, error: str) -> Result:
    now = now_ms()
    if tries >= MOST_TRIES:
        return Result("given_up", tries, 0, error, now, delivery_id)
    pause = min(1000 * 2 ** min(tries - 1, 10), LONGEST_PAUSE_MS)
    return Result("waiting", tries, now + pause, error, None, delivery_id)
