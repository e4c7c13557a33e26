"""Reading what a request asks: bodies, ids, fields, pages. What cannot be read is refused with a reason."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request

from inbox.twitter.sandbox.problems import Problem, invalid, malformed
from inbox.twitter.sandbox.snowflake import LARGEST, first_of
from inbox.twitter.sandbox.wire import ALWAYS, OLD_NAMES

API_LIMIT = 2 * 1024 * 1024
CONTROL_LIMIT = 32 * 1024 * 1024

# Fields Twitter knows but this one never has are accepted and simply absent.
TWEET_FIELDS = {
    "article", "article_title", "attachments", "author_id", "card_uri", "community_id", "context_annotations",
    "conversation_id", "created_at", "display_text_range", "edit_controls", "edit_history_tweet_ids", "entities", "geo",
    "id", "in_reply_to_user_id", "lang", "matched_media_notes", "media_metadata", "non_public_metrics",
    "note_request_suggestions", "note_tweet", "organic_metrics", "paid_partnership", "possibly_sensitive",
    "promoted_metrics", "public_metrics", "referenced_tweets", "reply_settings", "scopes", "source",
    "suggested_source_links", "suggested_source_links_with_counts", "text", "withheld",
}  # fmt: skip
EXPANSIONS = {
    "article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet",
    "attachments.poll_ids", "author_id", "edit_history_tweet_ids", "edit_history_post_ids",
    "entities.mentions.username", "geo.place_id", "in_reply_to_user_id", "entities.note.mentions.username",
    "referenced_posts", "referenced_tweets.id", "referenced_tweets.id.attachments.media_keys",
    "referenced_tweets.id.author_id", "username", "affiliation.user_id", "most_recent_tweet_id", "pinned_tweet_id",
    "most_recent_post_id", "pinned_post_id", "sender_id", "participant_ids", "affiliation",
}  # fmt: skip
# X's newer words have these as expansions only.
NOT_IN_NEW_FIELDS = {"author_id", "in_reply_to_user_id", "referenced_tweets", "edit_history_tweet_ids"}
NOT_IN_NEW_EXPANSIONS = {
    "edit_history_tweet_ids", "referenced_tweets.id", "referenced_tweets.id.author_id",
    "entities.note.mentions.username",
    "referenced_tweets.id.attachments.media_keys", "most_recent_tweet_id", "pinned_tweet_id", "affiliation.user_id",
}  # fmt: skip
NOT_IN_OLD_EXPANSIONS = {
    "edit_history_post_ids",
    "referenced_posts",
    "most_recent_post_id",
    "pinned_post_id",
    "username",
}
PRIVATE_FIELDS = {
    "attachments", "created_at", "dm_conversation_id", "entities", "event_type", "id", "participant_ids",
    "referenced_tweets", "sender_id", "text",
}  # fmt: skip
MEDIA_FIELDS = {
    "alt_text", "duration_ms", "height", "media_key", "non_public_metrics", "organic_metrics", "preview_image_url",
    "promoted_metrics", "public_metrics", "type", "url", "variants", "width",
}  # fmt: skip
USER_FIELDS = {
    "affiliation", "confirmed_email", "connection_status", "created_at", "description", "entities", "id",
    "is_identity_verified", "location", "most_recent_tweet_id", "name", "parody", "pinned_tweet_id",
    "profile_banner_url", "profile_image_url", "protected", "public_metrics", "receives_your_dm", "subscription",
    "subscription_type", "subscribes_to_you", "url", "username", "verified", "verified_followers_count",
    "verified_type", "withheld",
}  # fmt: skip
# Asking for the account or tweet behind a field shows the field too.
FIELD_OF_EXPANSION = {
    "author_id": "author_id",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_posts": "referenced_tweets",
    "referenced_tweets.id": "referenced_tweets",
    "referenced_tweets.id.author_id": "referenced_tweets",
    "attachments.media_keys": "attachments",
    "sender_id": "sender_id",
    "participant_ids": "participant_ids",
    "entities.mentions.username": "entities",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an answer should carry beyond the little it always does."""

    tweet_fields: frozenset[str]
    user_fields: frozenset[str]
    expansions: frozenset[str]
    media_fields: frozenset[str] = frozenset()
    private_fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a timeline, by id; both ends are outside."""

    above: int
    below: int
    size: int


async def read_body(request: Request, limit: int) -> bytes:
    too_large = Problem(413, "Payload Too Large", f"A body may have {limit // 1024 // 1024} MB at most.")
    if (declared := request.headers.get("content-length", "")).isdigit() and int(declared) > limit:
        raise too_large
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise too_large
    return bytes(body)


async def read_json(request: Request, limit: int = API_LIMIT) -> Any:
    try:
        return msgspec.json.decode(await read_body(request, limit))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(f"The body is not JSON: {error}") from error


async def read_object(request: Request, limit: int = API_LIMIT) -> dict[str, Any]:
    body = await read_json(request, limit)
    if not isinstance(body, dict):
        raise malformed("The body has to be a JSON object.")
    return body


def an_id(value: object, name: str) -> int:
    """An id from JSON or an address: digits, as Twitter writes them, or a whole number."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= LARGEST:
        return int(text)
    raise invalid(f"The `{name}` value [{_short(value)}] is not an id: 1 to 19 digits.", **{name: _short(value)})


def an_optional_id(value: object, name: str) -> int | None:
    return None if value is None else an_id(value, name)


def ids_asked(request: Request) -> list[int]:
    asked = [part for part in request.query_params.get("ids", "").split(",") if part]
    if not 1 <= len(asked) <= 100:
        raise invalid("The `ids` query parameter needs between 1 and 100 ids.", ids=request.query_params.get("ids", ""))
    return list(dict.fromkeys(an_id(part, "ids") for part in asked))


def an_instant(value: object, name: str) -> int:
    """Milliseconds of an ISO time; without an offset it is UTC."""
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
        if when:
            return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise invalid(f"The `{name}` value [{_short(value)}] is not an ISO time.", **{name: _short(value)})


def wanted(request: Request, *, is_stream: bool = False) -> Wanted:
    """What a request asks to see, in the words of either vocabulary or, when the sandbox is strict, of its own."""
    query, settings = request.query_params, request.app.state.sandbox.world.settings
    strict = settings["vocabulary"] if settings["strict_vocabulary"] and not is_stream else ""
    unknown = {"tweet": "post.fields", "post": "tweet.fields"}.get(strict, "")
    if unknown in query:
        raise invalid(f"The query parameter [{unknown}] is not one of those there are.", **{unknown: query[unknown]})
    asked = [*_listed(query.get("tweet.fields")), *_listed(query.get("post.fields"))]
    fields = {OLD_NAMES.get(name, name) for name in asked}
    _check_known("tweet.fields", fields, TWEET_FIELDS - (NOT_IN_NEW_FIELDS if strict == "post" else set()))
    user_fields = {OLD_NAMES.get(name, name) for name in _listed(query.get("user.fields"))}
    _check_known("user.fields", user_fields, USER_FIELDS)
    media_fields = set(_listed(query.get("media.fields")))
    _check_known("media.fields", media_fields, MEDIA_FIELDS)
    expansions = set(_listed(query.get("expansions")))
    hidden = {"post": NOT_IN_NEW_EXPANSIONS, "tweet": NOT_IN_OLD_EXPANSIONS}.get(strict, set())
    _check_known("expansions", expansions, EXPANSIONS - hidden)
    shown = {FIELD_OF_EXPANSION[name] for name in expansions if name in FIELD_OF_EXPANSION}
    return Wanted(
        tweet_fields=frozenset({*ALWAYS, *fields, *shown}),
        user_fields=frozenset({"id", "name", "username", *user_fields}),
        expansions=frozenset(expansions),
        media_fields=frozenset(media_fields),
        private_fields=frozenset({"id", "event_type", "text", *_private_fields(request, strict), *shown}),
    )


def _private_fields(request: Request, strict: str) -> set[str]:
    fields = {OLD_NAMES.get(name, name) for name in _listed(request.query_params.get("dm_event.fields"))}
    only_expanded = {"sender_id", "participant_ids", "referenced_tweets"} if strict == "post" else set()
    _check_known("dm_event.fields", fields, PRIVATE_FIELDS - only_expanded)
    return fields


def page(request: Request, smallest: int = 5, default: str = "10") -> Page:
    """The page asked for. A name for the next one is `pagination_token`, or for search also `next_token`."""
    query = request.query_params
    size = _size(query.get("max_results", default), smallest)
    above, below = 0, LARGEST
    if "start_time" in query:
        above = first_of(an_instant(query["start_time"], "start_time")) - 1
    if "end_time" in query:
        below = first_of(an_instant(query["end_time"], "end_time"))
    if "since_id" in query:
        above = an_id(query["since_id"], "since_id")
    if "until_id" in query:
        below = an_id(query["until_id"], "until_id")
    if token := query.get("pagination_token") or query.get("next_token"):
        below = min(below, _from_token(token))
    return Page(above, below, size)


def token_after(tweet_id: int) -> str:
    """Where the next page begins; opaque to the caller."""
    return f"7140{tweet_id:016x}"


def _from_token(token: str) -> int:
    try:
        if token.startswith("7140") and len(token) == 20:
            return int(token[4:], 16)
    except ValueError:
        pass
    raise invalid(f"The `pagination_token` value [{_short(token)}] is not one of ours.", pagination_token=_short(token))


def _size(value: str, smallest: int) -> int:
    if value.isascii() and value.isdigit() and smallest <= int(value[:9]) <= 100:
        return int(value)
    raise invalid(
        f"The `max_results` query parameter value [{_short(value)}] is not between {smallest} and 100.",
        max_results=_short(value),
    )


def _listed(value: str | None) -> Iterable[str]:
    return (part.strip() for part in (value or "").split(",") if part.strip())


def _check_known(parameter: str, names: Collection[str], known: Collection[str]) -> None:
    if unknown := sorted(set(names) - set(known)):
        raise invalid(
            f"The `{parameter}` query parameter value [{_short(unknown[0])}] is not one of those there are.",
            **{parameter: _short(unknown[0])},
        )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
