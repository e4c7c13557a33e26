"""Our one webhook at Twitter, and what of each account Twitter sends there. For the app's own bearer.

Some events are public: anybody's app may have them. The others are an account's own, and sent only for one that has
said yes to us, as far as that yes goes.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import httpx

from inbox.twitter.calls import LONGEST_CALL, Unavailable, a_dict, capped, http_client, in_words, read_json

# By the scope of the account's grant that lets Twitter send them (FACTS 2.7); empty: public.
EVENTS: dict[str, tuple[str, ...]] = {
    "": (
        "post.create",
        "post.delete",
        "profile.update.handle",
        "profile.update.screenname",
        "profile.update.profile_picture",
    ),
    "tweet.read": ("post.mention.create", "post.reply.create", "post.quote.create", "post.repost.create"),
    "dm.read": ("dm.received", "dm.sent", "dm.read", "dm.indicate_typing", "chat.received", "chat.sent"),
    "follows.read": ("follow.follow", "follow.unfollow"),
    "like.read": ("like.create",),
    "block.read": ("block.block", "block.unblock"),
    "mute.read": ("mute.mute", "mute.unmute"),
}
# That somebody takes our access away: one subscription for the app, of no account.
REVOCATION = "oauth.revoke"
PUBLIC = EVENTS[""]
_BASE = frozenset({"tweet.read"})


def events_of(scopes: Collection[str] | None) -> list[str]:
    """The events of an account to be subscribed to. None: it has no key here, so nothing that is its own."""
    return [name for scope, names in EVENTS.items() if not scope or scope in (scopes or ()) for name in names]


class TwitterApp:
    """Calls for the app as a whole, by its own bearer: the one webhook, and each account's subscriptions.

    `scopes` says, where it is given, what each account's grant allows; an account that it does not name has none.
    """

    EVENTS = tuple(events_of(_BASE))

    def __init__(self, *, base_url: str, bearer: str) -> None:
        self._http = http_client(base_url, bearer=bearer)

    def __enter__(self) -> "TwitterApp":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ensure_webhook(self, url: str) -> str:
        """Register the webhook unless Twitter has it, and have it checked anew; returns its id."""
        known = self.webhook(url)
        if known:
            self._call("PUT", f"/2/webhooks/{known[0]}")
            return known[0]
        return str(self._call("POST", "/2/webhooks", json={"url": url})["data"]["id"])

    def forsake_other_webhooks(self, *, keep: str) -> list[int]:
        """Give up every webhook but this one, which is known to answer; returns the accounts that were subscribed
        there and hear of nothing now."""
        accounts = {
            int(row["filter"]["user_id"])
            for row in self._subscriptions()
            if str(row.get("webhook_id")) != keep and a_dict(row.get("filter")).get("user_id")
        }
        for other in self._call("GET", "/2/webhooks").get("data") or []:
            if str(other["id"]) != keep:
                self._call("DELETE", f"/2/webhooks/{other['id']}")
        return sorted(accounts)

    def webhook(self, url: str) -> tuple[str, bool] | None:
        """The webhook at this address: its id, and whether Twitter finds it valid. None: Twitter knows of none."""
        known = [each for each in self._call("GET", "/2/webhooks").get("data") or [] if each["url"] == url]
        return (str(known[0]["id"]), bool(known[0].get("valid"))) if known else None

    def ensure_subscriptions(
        self, *, handle_ids: Sequence[int], webhook_id: str, scopes: Mapping[int, Collection[str]] | None = None
    ) -> int:
        """Subscribe to everything of these accounts that a brand lives from; returns how many were missing."""
        made = 0
        for name, user_id in self.missing_subscriptions(handle_ids=handle_ids, webhook_id=webhook_id, scopes=scopes):
            made += bool(self._subscribe(name, {"user_id": user_id}, webhook_id))
        return made

    def ensure_revocations(self, *, webhook_id: str) -> bool:
        """Hear of it when somebody takes our access away; whether that was missing."""
        have = [row for row in self._subscriptions() if row.get("event_type") == REVOCATION]
        if any(str(row.get("webhook_id")) == webhook_id for row in have):
            return False
        return bool(self._subscribe(REVOCATION, {}, webhook_id))

    def forsake_subscriptions(self, *, handle_ids: Sequence[int]) -> int:
        """Give up everything that concerns these accounts; returns how many subscriptions there were."""
        if not handle_ids:
            return 0
        gone = {str(handle_id) for handle_id in handle_ids}
        ours = [row for row in self._subscriptions() if str(a_dict(row.get("filter")).get("user_id")) in gone]
        for row in ours:
            self._call("DELETE", f"/2/activity/subscriptions/{row['subscription_id']}")
        return len(ours)

    def forsake_private(self, *, webhook_id: str, scopes: Mapping[int, Collection[str]]) -> int:
        """Give up what is an account's own where its grant does not allow it any more; returns how many there were."""
        gone = 0
        for row in self._subscriptions():
            user_id, name = str(a_dict(row.get("filter")).get("user_id") or ""), str(row.get("event_type"))
            if not user_id.isdecimal() or str(row.get("webhook_id")) != webhook_id:
                continue
            if name not in events_of(scopes.get(int(user_id))):
                self._call("DELETE", f"/2/activity/subscriptions/{row['subscription_id']}")
                gone += 1
        return gone

    def subscribed_beyond(self, handle_ids: Sequence[int], *, webhook_id: str) -> list[int]:
        """The accounts that are subscribed to this webhook and are none of these."""
        ours = [a_dict(row.get("filter")) for row in self._subscriptions() if str(row.get("webhook_id")) == webhook_id]
        found = {int(each["user_id"]) for each in ours if each.get("user_id")}
        return sorted(found - set(handle_ids))

    def missing_subscriptions(
        self, *, handle_ids: Sequence[int], webhook_id: str, scopes: Mapping[int, Collection[str]] | None = None
    ) -> list[tuple[str, str]]:
        """The events of these accounts, by name and account, that Twitter does not send to this webhook."""
        have = {
            (row["event_type"], str(a_dict(row.get("filter")).get("user_id")), str(row.get("webhook_id")))
            for row in self._subscriptions()
        }
        wanted = [
            (name, str(handle_id))
            for handle_id in handle_ids
            for name in events_of(_BASE if scopes is None else scopes.get(handle_id))
        ]
        return [(name, user_id) for name, user_id in wanted if (name, user_id, webhook_id) not in have]

    def _subscriptions(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        params: dict[str, str] = {}
        while True:
            answer = self._call("GET", "/2/activity/subscriptions", params=params)
            rows += answer.get("data") or []
            token = a_dict(answer.get("meta")).get("next_token")
            if not token:
                return rows
            params = {"pagination_token": str(token)}

    def _subscribe(self, name: str, chosen: Mapping[str, str], webhook_id: str) -> str:
        """Make a subscription; its id, empty where Twitter made one and did not say which."""
        body = {"event_type": name, "filter": dict(chosen), "webhook_id": webhook_id}
        return subscription_id(self._call("POST", "/2/activity/subscriptions", json=body)) or "made"

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            with capped(self._http, method, path, seconds=LONGEST_CALL, **request) as (status, _, content):
                answer = read_json(content)
        except httpx.HTTPError as error:
            raise Unavailable(in_words(error)) from error
        if status >= 300 or answer is None:
            raise Unavailable(f"Twitter answered {status}: {content[:300].decode(errors='replace')}")
        return answer


def subscription_id(answer: Mapping[str, Any]) -> str:
    """The id of a subscription that was made, from any of the three shapes in which Twitter is known to answer."""
    data = answer.get("data")
    if isinstance(data, list):
        data = data[0] if data else None
    made = a_dict(data)
    return str((a_dict(made.get("subscription")) or made).get("subscription_id") or "")
