"""Twitter's older words into ours: tweets, direct messages and deeds of version 1.1, as Account Activity sends them.

The one translator for that shape; what it returns is what the rest of Nightjar knows. Ids are read from their string
twins, since the numbers beside them may have been rounded on their way. It has no reply tree: v1.1 does not name one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from inbox.twitter.shapes import (
    Account,
    Tweet,
    Unreadable,
    as_id,
    best_variant,
    clean,
    instant,
    instant_of,
    optional_id,
    read_account,
    read_accounts,
    read_links,
    typed_in,
)
from inbox.twitter.text import unescape

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KINDS = {"photo": "photo", "animated_gif": "gif", "video": "video"}


def is_old_tweet(thing: Mapping[str, Any]) -> bool:
    """Whether this is a tweet in version 1.1's words."""
    return "user" in thing and ("id_str" in thing or "id" in thing) and ("text" in thing or "full_text" in thing)


def read_old_tweet(status: Mapping[str, Any], *, event: str = "") -> Tweet:
    """A tweet of version 1.1, whole: extended text, entities and media win over the shortened ones. `Unreadable`."""
    try:
        whole = status.get("extended_tweet") or {}
        text = whole.get("full_text") or status.get("full_text") or status.get("text") or ""
        entities = whole.get("entities") or status.get("entities") or {}
        named = [_as_mention(one) for one in entities.get("user_mentions") or ()]
        answers = old_id(status, "in_reply_to_status_id")
        pictures = _pictures_of(whole, status, entities)
        author = read_account(status["user"])
        own_id = as_id(status.get("id_str") or status["id"])
        shown = whole.get("display_text_range") or status.get("display_text_range")
        return Tweet(
            id=own_id,
            author_id=author.id,
            text=unescape(clean(text)),
            created_at=old_instant(status.get("created_at"), own_id),
            in_reply_to_id=answers,
            in_reply_to_user_id=old_id(status, "in_reply_to_user_id"),
            reply_tree_id=None,
            lang=clean(str(status.get("lang") or ""))[:8],
            retweet_of=_inner_id(status, "retweeted_status"),
            quote_of=_inner_id(status, "quoted_status") or old_id(status, "quoted_status_id"),
            mentioned=tuple({as_id(one["id"]): one["username"] for one in named if one["id"]}.items()),
            accounts={author.id: author},
            versions=_versions(status),
            typed=typed_in(named, shown, text, is_answer=answers is not None),
            reply_settings=_reply_settings(status),
            media=[_picture(one) for one in pictures] or None,
            links=_links(entities.get("urls") or (), pictures),
            event=event,
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Unreadable(f"not a tweet: {error!r}") from error


def read_old_message(event: Mapping[str, Any], *, users: Mapping[str, Any], name: str = "") -> Tweet | None:
    """A direct message of the event form, or of the still older form; None for one to a group. `Unreadable`."""
    try:
        said = event.get("message_create")
        if said is None:
            return _read_oldest_message(event, name)
        recipient = (said.get("target") or {}).get("recipient_id")
        if recipient is None:
            return None
        data = said["message_data"]
        pictures = [data["attachment"]["media"]] if (data.get("attachment") or {}).get("media") else []
        own_id = as_id(event["id"])
        when = event.get("created_timestamp")
        return Tweet(
            id=own_id,
            author_id=as_id(said["sender_id"]),
            text=unescape(clean(data.get("text") or "")).strip(),
            created_at=datetime.fromtimestamp(int(when) / 1000, UTC) if when else instant_of(own_id),
            in_reply_to_user_id=as_id(recipient),
            accounts=read_accounts(users.values()),
            is_private=True,
            media=[_picture(one) for one in pictures] or None,
            links=_links((data.get("entities") or {}).get("urls") or (), pictures),
            event=name,
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Unreadable(f"not a direct message: {error!r}") from error


def is_oldest_message(thing: Mapping[str, Any]) -> bool:
    """Whether this is a direct message as Twitter's API had them until 2018."""
    return "text" in thing and ("sender_id" in thing or "sender" in thing) and "event_type" not in thing


def old_id(thing: Mapping[str, Any], name: str) -> int | None:
    """An id by its string twin, or by the number where there is no twin."""
    return optional_id(thing.get(f"{name}_str") or thing.get(name))


def old_instant(text: str | None, tweet_id: int) -> datetime:
    """A time like "Wed Aug 12 18:03:20 +0000 2026", in UTC, whatever the language of this machine."""
    parts = (text or "").split()
    if len(parts) != 6:
        return instant(text, tweet_id)
    _, month, day, clock, zone, year = parts
    named = f"{year}-{_MONTHS.index(month) + 1:02d}-{int(day):02d}T{clock}{zone}"
    return datetime.fromisoformat(named).astimezone(UTC)


def _read_oldest_message(message: Mapping[str, Any], name: str) -> Tweet:
    people = [message[side] for side in ("sender", "recipient") if isinstance(message.get(side), Mapping)]
    accounts: dict[int, Account] = read_accounts(people)
    for side in ("sender", "recipient"):
        account_id = old_id(message, f"{side}_id") or 0
        username = str(message.get(f"{side}_screen_name") or "")
        if account_id and account_id not in accounts and username:
            accounts[account_id] = Account(account_id, clean(username)[:30])
    entities = message.get("entities") or {}
    pictures = list(entities.get("media") or ())
    own_id = as_id(message.get("id_str") or message["id"])
    return Tweet(
        id=own_id,
        author_id=_side(message, "sender"),
        text=unescape(clean(message.get("text") or "")),
        created_at=old_instant(message.get("created_at"), own_id),
        in_reply_to_user_id=_side(message, "recipient"),
        accounts=accounts,
        is_private=True,
        media=[_picture(one) for one in pictures] or None,
        links=_links(entities.get("urls") or (), pictures),
        event=name,
    )


def _side(message: Mapping[str, Any], side: str) -> int:
    found = old_id(message, f"{side}_id")
    return found if found is not None else read_account(message[side]).id


def _as_mention(one: Mapping[str, Any]) -> dict[str, Any]:
    places = one.get("indices") or ()
    return {
        "id": one.get("id_str") or one.get("id"),
        "username": clean(str(one.get("screen_name") or ""))[:30],
        "start": places[0] if places else None,
    }


def _inner_id(status: Mapping[str, Any], name: str) -> int | None:
    inner = status.get(name)
    return as_id(inner.get("id_str") or inner["id"]) if inner else None


def _versions(status: Mapping[str, Any]) -> tuple[int, ...]:
    history = (
        (status.get("edit_history") or {}).get("initial_tweet_id"),
        (status.get("edit_history") or {}).get("edit_tweet_ids"),
    )
    ids = sorted({as_id(pk) for pk in [*(history[1] or ()), *([history[0]] if history[0] else ())]})
    return tuple(ids) if len(ids) > 1 else ()


def _reply_settings(status: Mapping[str, Any]) -> str:
    """v1.1 names it by other words: `{"conversation_control": {"policy": "by_invitation"}}`."""
    policy = str((status.get("conversation_control") or {}).get("policy") or "").lower()
    return {"by_invitation": "mentionedUsers", "community": "following"}.get(policy, policy)[:20]


def _pictures_of(
    whole: Mapping[str, Any], status: Mapping[str, Any], entities: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    for holder in (whole.get("extended_entities"), status.get("extended_entities"), entities):
        found = (holder or {}).get("media")
        if found:
            return list(found)
    return ()


def _picture(one: Mapping[str, Any]) -> dict[str, Any]:
    kind = _KINDS.get(str(one.get("type") or ""), "photo")
    still = clean(str(one.get("media_url_https") or one.get("media_url") or ""))
    film = best_variant((one.get("video_info") or {}).get("variants") or ())
    size = (one.get("original_info") or (one.get("sizes") or {}).get("large")) or {}
    return {
        "key": clean(str(one.get("media_key") or one.get("id_str") or one.get("id") or "")),
        "kind": kind,
        "url": still if kind == "photo" else film,
        "preview": "" if kind == "photo" else still,
        "alt": unescape(clean(str(one.get("ext_alt_text") or one.get("alt_text") or "")))[:1000],
        "width": size.get("width") or size.get("w"),
        "height": size.get("height") or size.get("h"),
    }


def _links(urls: Iterable[Mapping[str, Any]], pictures: Sequence[Mapping[str, Any]]) -> list[dict[str, str]] | None:
    """The links of a text; those that stand for a picture, which we show, are marked as such."""
    stands_for = {
        str(one["url"]): str(one.get("media_key") or one.get("id_str") or "m") for one in pictures if one.get("url")
    }
    marked = [{**one, "media_key": stands_for.get(str(one.get("url")))} for one in urls]
    known = {str(one.get("url")) for one in marked}
    marked += [{"url": url, "media_key": key} for url, key in stands_for.items() if url not in known]
    return read_links(marked)[0]
