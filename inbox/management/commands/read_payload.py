"""What Nightjar would make of what Twitter sent: for operators who ask, and for tests. Needs no database."""

import gzip
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inbox.twitter.events import Act, read_arrival, read_letters
from inbox.twitter.old_shapes import is_old_tweet, is_oldest_message
from inbox.twitter.shapes import Envelope, Tweet, Unreadable

# Where the words are in what Twitter says when it refuses, in the order in which one reads them.
_WORDS = ("title", "detail", "message")


class Command(BaseCommand):
    """One JSON line for each tweet, direct message or event in these files, or why it would be kept unread.

    A file holds one body, a list of them, or one a line: webhook calls (X Activity, Account Activity), lines of the
    stream, pages of search, mentions and direct messages, bare tweets and messages of version 1.1 or 2; `.gz` too.
    Ends with 1 where a file cannot be read at all, or where not one line of any file was understood.
    """

    help = "Print what Nightjar would store of the tweets, direct messages and events in these files."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a file of JSON or of JSON lines; - reads stdin")

    def handle(self, *args: Any, **options: Any) -> None:
        bad, told = 0, Counter[bool]()
        for name in options["files"]:
            try:
                for place, thing in things_in(_content(name)):
                    for line in lines_of(thing):
                        told["quarantined" in line] += 1
                        self.stdout.write(json.dumps({"file": name, "place": place, **line}, ensure_ascii=False))
            except Unreadable as error:
                bad += 1
                self.stderr.write(f"{name}: {error}")
        if bad:
            raise CommandError(f"{bad} of {len(options['files'])} files could not be read.", returncode=1)
        if told[True] and not told[False]:
            raise CommandError("Nothing of this could be understood.", returncode=1)


def things_in(content: bytes) -> Iterator[tuple[int, Any]]:
    """What a file holds, each with its place in it, from 1; raises `Unreadable` where none of it is JSON."""
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        whole = None
    if whole is not None:
        yield from enumerate(whole if isinstance(whole, list) else [whole], 1)
        return
    lines = [(place, line.strip()) for place, line in enumerate(content.splitlines(), 1) if line.strip()]
    read = [(place, _line(line)) for place, line in lines]
    if not any(thing is not None for _, thing in read):
        raise Unreadable("This is neither JSON nor JSON lines." if lines else "The file is empty.")
    yield from read


def lines_of(thing: Any) -> Iterator[dict[str, Any]]:
    """What would be stored of one body, or why it would not be read."""
    try:
        letters = list(_letters(thing))
    except Unreadable as error:
        yield {"quarantined": f"{error}{_trouble_in(thing)}"}
        return
    for letter in letters:
        about = {"kind": letter.kind, "event": letter.event_type, "for": _text(letter.for_id)}
        try:
            found = read_arrival(letter.kind, letter.body)
        except Unreadable as error:
            yield {**about, "id": _text(letter.twitter_id), "quarantined": str(error)}
            continue
        yield from _stored(found, letter, about)


def _stored(found: Any, letter: Envelope, about: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(found, Tweet):
        yield {**about, **_tweet(found)}
    elif isinstance(found, list):
        for act in found:
            yield {**about, **_act(act)}
    elif found is None:
        kept = f"as it came; nothing is done about it{_trouble_in(json.loads(letter.body))}"
        yield {**about, "id": _text(letter.twitter_id), "kept": kept}
    else:
        yield {**about, "id": _text(found)}


def _trouble_in(thing: Any) -> str:
    """That this is no event but Twitter's word that something is wrong, and its words; else nothing."""
    if not isinstance(thing, Mapping) or "data" in thing:
        return ""
    errors = thing.get("errors")
    both = [thing, *errors] if isinstance(errors, list) else [thing]
    said = [each[name] for each in both if isinstance(each, Mapping) for name in _WORDS if each.get(name)]
    return f". Twitter says in it what is wrong: {': '.join(map(str, said))}" if said else ""


def _letters(thing: Any) -> Iterator[Envelope]:
    if not isinstance(thing, Mapping):
        raise Unreadable("not a JSON object")
    events = thing.get("events") if isinstance(thing.get("events"), list) else None
    if isinstance(thing.get("event"), Mapping) and "message_create" in thing["event"]:
        events = [thing["event"]]
    if events is not None:
        yield from (_bare("private", one) for one in events)
    elif is_old_tweet(thing):
        yield _bare("tweet", thing)
    elif is_oldest_message(thing):
        yield _bare("private", thing)
    elif "data" not in thing and "id" in thing and ({"text", "author_id", "dm_conversation_id"} & thing.keys()):
        yield from read_letters(json.dumps({"data": thing}).encode())
    else:
        yield from read_letters(json.dumps(thing).encode())


def _bare(kind: str, thing: Mapping[str, Any]) -> Envelope:
    return Envelope(None, "", kind, 0, json.dumps(thing).encode())


def _tweet(tweet: Tweet) -> dict[str, Any]:
    return {
        "id": _text(tweet.first_id),
        "author_id": _text(tweet.author_id),
        "conversation": _text(tweet.reply_tree_id),
        "text": tweet.text,
        "created_at": tweet.created_at.isoformat(),
        "in_reply_to": _text(tweet.in_reply_to_id),
        "in_reply_to_user": _text(tweet.in_reply_to_user_id),
        "lang": tweet.lang,
        "reach": {
            "named": [_text(pk) for pk, _ in tweet.mentioned],
            "typed": [_text(pk) for pk in tweet.typed],
            "quotes": _text(tweet.quote_of),
            "who_may_answer": tweet.reply_settings or "everyone",
        },
        "retweet_of": _text(tweet.retweet_of),
        "versions": [_text(pk) for pk in tweet.versions],
        "is_private": tweet.is_private,
        "is_encrypted": tweet.is_encrypted,
        "media": tweet.media or [],
        "links": tweet.links or [],
        "people": {_text(pk): account.username for pk, account in tweet.accounts.items()},
    }


def _act(act: Act) -> dict[str, Any]:
    return {
        "act": act.kind,
        "by": _text(act.by_id),
        "of": _text(act.of_id),
        "at": act.at.isoformat() if act.at else None,
        "tweet": _text(act.tweet_id),
        **({"changed": act.changed, "after": act.after} if act.changed else {}),
    }


def _content(name: str) -> bytes:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except OSError as error:
        raise Unreadable(f"The file cannot be opened: {error.strerror or error}.") from error
    except (EOFError, zlib.error) as error:
        raise Unreadable(f"The file is not whole: {error}.") from error


def _line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _text(pk: int | None) -> str | None:
    """Ids are text in JSON: a reader that takes numbers for floats would round them."""
    return str(pk) if pk else None
