"""Every operation that the sandbox has, called well and called badly, as a brand's gateway and its app would."""

import base64
from itertools import count
from typing import Any

from tests.twitter.playing import APP, World
from tests.twitter.test_by_hand import png

ASKED = {
    "tweet": {
        "tweet.fields": "author_id,conversation_id,created_at,in_reply_to_user_id,referenced_tweets,attachments,"
        "edit_history_tweet_ids,edit_controls,entities,lang,public_metrics,reply_settings,display_text_range,"
        "possibly_sensitive,note_tweet",
        "expansions": "author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id,"
        "attachments.media_keys",
    },
    "post": {
        "post.fields": "conversation_id,created_at,edit_controls,entities,lang,public_metrics,reply_settings,"
        "display_text_range,possibly_sensitive,note_post,attachments",
        "expansions": "author_id,in_reply_to_user_id,referenced_posts,edit_history_post_ids,attachments.media_keys",
    },
}
MORE = {
    "user.fields": "name,username,profile_image_url,protected,verified,verified_type,created_at,receives_your_dm",
    "media.fields": "url,preview_image_url,type,alt_text,variants,width,height",
}


class Caller:
    """Calls the sandbox with one token."""

    def __init__(self, world: World, headers: dict[str, str], vocabulary: str) -> None:
        self.http, self.headers, self.asked = world.http, headers, {**ASKED[vocabulary], **MORE}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.http.get(path, headers=self.headers, params=query).json()

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return self.http.post(path, headers=self.headers, json=body).json()

    def delete(self, path: str) -> None:
        self.http.delete(path, headers=self.headers)

    def put(self, path: str, body: Any) -> None:
        self.http.put(path, headers=self.headers, json=body)


def exercise(world: World, brand: str, webhook_url: str, vocabulary: str) -> None:
    """All of it, with what is said on the sandbox just now."""
    own, app = Caller(world, world.tokens[brand], vocabulary), Caller(world, APP, vocabulary)
    handle_id = world.people[brand]
    _reads(own, app, handle_id)
    _writes(own, world, handle_id)
    _private(own, world)
    _media(own)
    _registrations(app, handle_id, webhook_url)
    _refusals(own, app)


def _reads(own: Caller, app: Caller, handle_id: str) -> None:
    for caller in (own, app):
        page = caller.get(f"/2/users/{handle_id}/mentions", max_results=50, **caller.asked)
        ids = [one["id"] for one in page.get("data", [])]
        caller.get("/2/tweets", ids=",".join([*ids[:90], "123456789"]), **caller.asked)
        for one in ids[:5]:
            caller.get(f"/2/tweets/{one}", **caller.asked)
        caller.get("/2/tweets/123456789", **caller.asked)
        caller.get(f"/2/users/{handle_id}/tweets", max_results=20, **caller.asked)
        caller.get("/2/tweets/search/recent", query="acme OR kiri OR bolt", max_results=100, **caller.asked)
        caller.get("/2/tweets/search/recent", query="nobodyeversaidthis", max_results=10)
        caller.get("/2/users", ids=f"{handle_id},1", **{"user.fields": MORE["user.fields"]})
        caller.get("/2/users/by/username/AcmeAir")
        caller.get("/2/users/by/username/nobody_at_all")
    own.get("/2/users/me", **{"user.fields": "name,username,created_at"})


def _writes(own: Caller, world: World, handle_id: str) -> None:
    opening = world.tweeted("jodoe", f"@{_name(world, handle_id)} exercise {next(_numbers)}")
    made = own.post("/2/tweets", {"text": "An answer", "reply": {"in_reply_to_tweet_id": opening}})["data"]["id"]
    own.post("/2/tweets", {"text": f"A quote {opening}", "quote_tweet_id": opening})
    own.post("/2/tweets", {"text": "An answer", "reply": {"in_reply_to_tweet_id": opening}})
    own.post("/2/tweets", {"text": ""})
    own.post("/2/tweets", {"text": "x" * 400})
    below = world.tweeted("jodoe", "below yours", made)
    own.put(f"/2/tweets/{below}/hidden", {"hidden": True})
    own.put(f"/2/tweets/{below}/hidden", {"hidden": False})
    own.post(f"/2/users/{handle_id}/likes", {"tweet_id": opening})
    own.delete(f"/2/users/{handle_id}/likes/{opening}")
    own.delete(f"/2/tweets/{made}")
    own.delete("/2/tweets/123456789")


def _private(own: Caller, world: World) -> None:
    jo = world.people["jodoe"]
    with_jo = f"/2/dm_conversations/with/{jo}"
    sent = own.post(f"{with_jo}/messages", {"text": "Hello & <good day> https://acme.example/x"})
    own.post(f"/2/dm_conversations/{sent['data']['dm_conversation_id']}/messages", {"text": "And more"})
    fields = {"dm_event.fields": "id,text,event_type,created_at,dm_conversation_id,attachments,entities"}
    own.get("/2/dm_events", max_results=5, **fields)
    own.get(f"/2/dm_events/{sent['data']['dm_event_id']}", **fields)
    own.get(f"{with_jo}/dm_events", max_results=5, **fields)
    own.get(f"/2/dm_conversations/{sent['data']['dm_conversation_id']}/dm_events", **fields)
    own.delete(f"/2/dm_events/{sent['data']['dm_event_id']}")
    own.get("/2/dm_events/123456789")
    own.post(f"/2/users/{jo}/dm/block", {})
    own.post(f"{with_jo}/messages", {"text": "refused"})
    own.post(f"/2/users/{jo}/dm/unblock", {})


def _media(own: Caller) -> None:
    whole = base64.b64encode(png()).decode()
    begun = own.post(
        "/2/media/upload/initialize",
        {"media_type": "image/png", "total_bytes": len(png()), "media_category": "tweet_image"},
    )["data"]["id"]
    own.post(f"/2/media/upload/{begun}/append", {"media": whole, "segment_index": 0})
    own.post(f"/2/media/upload/{begun}/finalize", {})
    own.get("/2/media/upload", command="STATUS", media_id=begun)
    own.post("/2/media/metadata", {"id": begun, "metadata": {"alt_text": {"text": "A grey pixel"}}})
    own.post("/2/tweets", {"text": f"A picture {begun}", "media": {"media_ids": [begun]}})
    own.post("/2/tweets", {"text": "A picture nobody has", "media": {"media_ids": ["1"]}})
    own.post("/2/media/upload/initialize", {"media_type": "image/png", "total_bytes": 0})


def _registrations(app: Caller, handle_id: str, url: str) -> None:
    app.post("/2/webhooks", {"url": url})
    hooks = app.get("/2/webhooks").get("data", [])
    app.put(f"/2/webhooks/{hooks[0]['id']}", None)
    made = {"event_type": "like.create", "filter": {"user_id": handle_id}, "tag": "x", "webhook_id": hooks[0]["id"]}
    app.post("/2/activity/subscriptions", made)
    app.post("/2/activity/subscriptions", {"event_type": "nothing"})
    for one in app.get("/2/activity/subscriptions").get("data", []):
        if one["event_type"] == "like.create":
            app.put(f"/2/activity/subscriptions/{one['subscription_id']}", {"tag": "y"})
            app.delete(f"/2/activity/subscriptions/{one['subscription_id']}")
    app.post("/2/tweets/search/stream/rules", {"add": [{"value": "acme -is:retweet", "tag": "acme"}]})
    app.post("/2/tweets/search/stream/rules", {"add": [{"value": "acme -is:retweet", "tag": "acme"}]})
    app.post("/2/tweets/search/stream/rules", {"add": [{"value": "((("}]})
    app.get("/2/tweets/search/stream/rules/counts")
    rules = app.get("/2/tweets/search/stream/rules").get("data", [])
    app.post("/2/tweets/search/stream/rules", {"delete": {"ids": [one["id"] for one in rules]}})
    app.get("/2/connections")


def _refusals(own: Caller, app: Caller) -> None:
    app.post("/2/tweets", {"text": "apps cannot speak"})
    own.get("/2/webhooks")
    own.get("/2/tweets/search/recent")
    app.get("/2/tweets/notanumber")
    own.http.get("/2/users/me", headers={"authorization": "Bearer nonsense"})


_numbers = count(1)


def _name(world: World, handle_id: str) -> str:
    return next(name for name, one in world.people.items() if one == handle_id)
