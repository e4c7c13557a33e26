"""How much of their allowance callers have left: per account and endpoint, per app and endpoint, and in a day.

The app's limit of a day is one for all accounts that use the app; so is the one on private messages that are sent.
"""

import time
from dataclasses import dataclass, field

from inbox.twitter.sandbox.problems import rate_headers

WINDOW, DAY = 900, 86_400  # seconds

# Requests in fifteen minutes, per account or, for the app's own token, per app.
USER_LIMITS = {
    "POST /2/tweets": 100,
    "DELETE /2/tweets/{id}": 50,
    "GET /2/tweets": 5_000,
    "GET /2/tweets/search/recent": 300,
    "GET /2/users/me": 75,
    "GET /2/users/{id}/mentions": 300,
    "PUT /2/tweets/{id}/hidden": 50,
    "POST /2/users/{id}/likes": 50,
    "DELETE /2/users/{id}/likes/{tweet_id}": 50,
    "private messages": 15,
    "GET /2/dm_events": 15,
    "GET /2/dm_events/{event_id}": 15,
    "GET /2/dm_conversations/with/{participant_id}/dm_events": 15,
    "GET /2/dm_conversations/{id}/dm_events": 15,
    "DELETE /2/dm_events/{event_id}": 300,
    "POST /2/users/{id}/dm/block": 10,
    "POST /2/users/{id}/dm/unblock": 10,
    "POST /2/media/upload": 500,
    "POST /2/media/upload/initialize": 1_875,
    "POST /2/media/upload/{id}/append": 1_875,
    "POST /2/media/upload/{id}/finalize": 1_875,
}
APP_LIMITS = {
    "GET /2/tweets": 3_500,
    "GET /2/tweets/{id}": 450,
    "GET /2/tweets/search/recent": 450,
    "GET /2/users/{id}/mentions": 450,
    "GET /2/users/{id}/tweets": 10_000,
    "GET /2/users": 300,
    "GET /2/users/by": 300,
    "GET /2/users/by/username/{username}": 300,
    "GET /2/tweets/search/stream": 50,
    "GET /2/tweets/search/stream/rules": 450,
    "POST /2/tweets/search/stream/rules": 100,
    "POST /2/webhooks/replay": 100,
    "POST /2/activity/subscriptions": 500,
    "GET /2/activity/subscriptions": 500,
    "PUT /2/activity/subscriptions/{id}": 500,
    "DELETE /2/activity/subscriptions/{id}": 500,
    "GET /2/usage/tweets": 50,
}
# In a day: per account, and per app over all accounts.
USER_DAY = {
    "private messages": 1_440,
    "DELETE /2/dm_events/{event_id}": 1_500,
    "POST /2/users/{id}/likes": 1_000,
    "DELETE /2/users/{id}/likes/{tweet_id}": 1_000,
    "POST /2/users/{id}/dm/block": 400,
    "POST /2/users/{id}/dm/unblock": 400,
}
APP_DAY = {
    "POST /2/tweets": 10_000,
    "private messages": 1_440,
    "DELETE /2/dm_events/{event_id}": 4_000,
    "POST /2/users/{id}/dm/block": 1_000,
    "POST /2/users/{id}/dm/unblock": 1_000,
    "POST /2/media/upload": 50_000,
    "POST /2/media/upload/initialize": 180_000,
    "POST /2/media/upload/{id}/append": 180_000,
    "POST /2/media/upload/{id}/finalize": 180_000,
}
# Three addresses, one allowance.
SHARED = {
    "POST /2/dm_conversations": "private messages",
    "POST /2/dm_conversations/with/{participant_id}/messages": "private messages",
    "POST /2/dm_conversations/{id}/messages": "private messages",
}


@dataclass(slots=True)
class Used:
    """What one request leaves of every allowance it counts against."""

    headers: dict[str, str]
    is_too_many: bool


@dataclass(slots=True)
class Allowances:
    """Counts requests in fixed windows. Kept in memory: a restart gives everybody a fresh one."""

    used: dict[tuple[int | None, str], tuple[int, int]] = field(default_factory=dict)

    def use(self, user_id: int | None, endpoint: str, *, private_cap: int) -> Used:
        """Count one request."""
        name = SHARED.get(endpoint, endpoint)
        limit = APP_LIMITS.get(name, 450) if user_id is None else USER_LIMITS.get(name, 900)
        left, reset = self._count((user_id, name), limit, WINDOW)
        headers, least = rate_headers(limit, max(left, 0), reset), left
        if user_id is not None and (limit := USER_DAY.get(name, 0)):
            left, reset = self._count((user_id, f"{name} in a day"), limit, DAY)
            headers |= _day_headers("user", limit, left, reset)
            least = min(least, left)
        if user_id is not None and name in APP_DAY:
            limit = private_cap if name == "private messages" else APP_DAY[name]
            left, reset = self._count((None, f"{name} in a day"), limit, DAY)
            headers |= _day_headers("app", limit, left, reset)
            least = min(least, left)
        return Used(headers, least < 0)

    def _count(self, key: tuple[int | None, str], limit: int, window: int) -> tuple[int, int]:
        now = int(time.time())
        reset, count = self.used.get(key, (0, 0))
        if reset <= now:
            reset, count = now + window, 0
        self.used[key] = (reset, count + 1)
        return limit - count - 1, reset


def _day_headers(whose: str, limit: int, left: int, reset: int) -> dict[str, str]:
    name = f"x-{whose}-limit-24hour"
    return {f"{name}-limit": str(limit), f"{name}-remaining": str(max(left, 0)), f"{name}-reset": str(reset)}
