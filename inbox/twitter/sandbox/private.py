"""Private messages, of two or of a group: who may write to whom, what is kept, what each side hears of it."""

import base64
import json
import re
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.twitter.sandbox import old_events, people, problems
from inbox.twitter.sandbox.activity import Activity
from inbox.twitter.sandbox.entities import entities_of, escape, names_in
from inbox.twitter.sandbox.shelf import Shelf
from inbox.twitter.sandbox.snowflake import first_of, ms_of, now_ms
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.wire import short_link, timestamp
from inbox.twitter.sandbox.world import Account, World

LONGEST = 10_000
KEPT_MS = 30 * 86_400_000
MESSAGE, JOIN, LEAVE, ENCRYPTED = "MessageCreate", "ParticipantsJoin", "ParticipantsLeave", "Encrypted"
COLUMNS = "id, kind, conversation_id, sender_id, text, media_id, participant_ids, created_ms, stored_ms, deleted_ms"
STATUS = re.compile(r"/status/(\d{1,19})")


@dataclass(slots=True)
class PrivateEvent:
    id: int
    kind: str
    conversation_id: str
    sender_id: int
    text: str
    media_id: int | None
    participant_ids: list[int]
    created_ms: int
    stored_ms: int
    deleted_ms: int | None = None


class Private:
    def __init__(self, storage: Storage, world: World, activity: Activity, media: Shelf) -> None:
        self.storage, self.world, self.activity, self.media = storage, world, activity, media

    # -- writing -------------------------------------------------------------------------------------------------

    def send(
        self,
        sender: Account,
        conversation_id: str,
        text: str,
        media_id: int | None = None,
        *,
        event_id: int | None = None,
        is_encrypted: bool = False,
        deliver: bool = True,
    ) -> PrivateEvent:
        """A message from somebody in the conversation to all others in it; raises `Problem` when it is refused."""
        if not text.strip() and media_id is None:
            raise problems.invalid("A message needs `text` or an attachment.", text=text[:60])
        if len(text) > LONGEST:
            raise problems.invalid(f"`text` has {LONGEST} characters at most.", text=text[:60])
        others = [one for one in self.members(conversation_id) if one.id != sender.id]
        if not all(people.takes_private(self.world, sender, one) for one in others):
            raise problems.forbidden(problems.NO_PRIVATE)
        with self.storage.transaction():
            if media_id is not None:
                self.media.check_usable([media_id], sender.id, "dm_")
            # Nobody but the two can read an encrypted one: it is in no list, and an event says only that it came.
            kind = ENCRYPTED if is_encrypted else MESSAGE
            event = self._event(kind, conversation_id, sender.id, text, media_id, event_id=event_id)
            if deliver:
                self._announce(event, [sender, *others], is_encrypted=is_encrypted)
        return event

    def conversation_of(self, one: Account, other: Account) -> str:
        """The id of the conversation of two, which exists from the first message on."""
        if one.id == other.id:
            raise problems.forbidden(problems.NO_PRIVATE)
        smaller, larger = sorted((one.id, other.id))
        conversation_id = f"{smaller}-{larger}"
        with self.storage.transaction():
            self.storage.execute(
                "INSERT OR IGNORE INTO private_conversations VALUES (?, 0, ?)", (conversation_id, now_ms())
            )
            self.storage.executemany(
                "INSERT OR IGNORE INTO private_members VALUES (?, ?)",
                [(conversation_id, one.id), (conversation_id, other.id)],
            )
        return conversation_id

    def new_group(self, founder: Account, others: Sequence[Account]) -> str:
        if not all(people.takes_private(self.world, founder, one) for one in others):
            raise problems.forbidden(problems.NO_PRIVATE)
        conversation_id = str(self.world.snowflakes.next())
        with self.storage.transaction():
            self.storage.execute("INSERT INTO private_conversations VALUES (?, 1, ?)", (conversation_id, now_ms()))
            members = dict.fromkeys([founder.id, *(one.id for one in others)])
            self.storage.executemany(
                "INSERT INTO private_members VALUES (?, ?)", [(conversation_id, user_id) for user_id in members]
            )
            self._event(JOIN, conversation_id, founder.id, "", None, list(members))
        return conversation_id

    def leave(self, account: Account, conversation_id: str) -> None:
        """Leave a group; its other members still read the whole of it."""
        with self.storage.transaction():
            self._event(LEAVE, conversation_id, account.id, "", None, [account.id])
            self.storage.execute(
                "DELETE FROM private_members WHERE conversation_id = ? AND user_id = ?", (conversation_id, account.id)
            )

    def delete(self, event: PrivateEvent) -> None:
        with self.storage.transaction():
            self.storage.execute("UPDATE private_events SET deleted_ms = ? WHERE id = ?", (now_ms(), event.id))

    def read(self, reader: Account, conversation_id: str) -> None:
        """Somebody opened the conversation: the others hear up to which message it was read."""
        last = self.storage.execute(
            "SELECT max(id) FROM private_events WHERE conversation_id = ? AND kind = 'MessageCreate'",
            (conversation_id,),
        ).fetchone()[0]
        for other in self._others(reader, conversation_id):
            act = {**_act(reader, other), "last_read_event_id": str(last or 0)}
            self.activity.announce_private(
                "dm.read", "direct_message_mark_read_events", act, [reader, other], [other.id]
            )

    def type(self, writer: Account, conversation_id: str) -> None:
        """Somebody is typing: the others hear it, and nothing is kept."""
        for other in self._others(writer, conversation_id):
            act = _act(writer, other)
            name = "direct_message_indicate_typing_events"
            self.activity.announce_private("dm.indicate_typing", name, act, [writer, other], [other.id])

    # -- reading -------------------------------------------------------------------------------------------------

    def members(self, conversation_id: str) -> list[Account]:
        rows = self.storage.execute(
            "SELECT user_id FROM private_members WHERE conversation_id = ? ORDER BY user_id", (conversation_id,)
        )
        return list(self.world.accounts(row[0] for row in rows).values())

    def is_member(self, conversation_id: str, user_id: int | None) -> bool:
        return bool(
            self.storage.execute(
                "SELECT 1 FROM private_members WHERE conversation_id = ? AND user_id = ?", (conversation_id, user_id)
            ).fetchone()
        )

    def event(self, event_id: int, user_id: int | None) -> PrivateEvent | None:
        """An event that this account can see."""
        found = self.events_where("id = ? AND kind != ? AND deleted_ms IS NULL", (event_id, ENCRYPTED), limit=1)
        return found[0] if found and self.is_member(found[0].conversation_id, user_id) else None

    def page(
        self, user_id: int, conversation_id: str | None, kinds: Sequence[str], below: int, size: int
    ) -> list[PrivateEvent]:
        """Events of thirty days, newest first, of one conversation or of all; one more than asked, if there is."""
        mine = "conversation_id IN (SELECT conversation_id FROM private_members WHERE user_id = ?)"
        values: list[Any] = [user_id, first_of(now_ms() - KEPT_MS), below, *kinds]
        condition = f"{mine} AND id > ? AND id < ? AND kind IN ({', '.join('?' for _ in kinds)}) AND deleted_ms IS NULL"
        if conversation_id:
            condition, values = f"{condition} AND conversation_id = ?", [*values, conversation_id]
        return self.events_where(condition, values, order="id DESC", limit=size + 1)

    def events_where(
        self, condition: str, values: Iterable[object], order: str = "id", limit: int = -1
    ) -> list[PrivateEvent]:
        rows = self.storage.execute(
            f"SELECT {COLUMNS} FROM private_events WHERE {condition} ORDER BY {order} LIMIT ?", (*values, limit)
        )
        return [_event_of(*row) for row in rows]

    # -- telling -------------------------------------------------------------------------------------------------

    def _event(
        self, kind: str, conversation_id: str, sender_id: int, text: str, media_id: int | None,
        participant_ids: list[int] | None = None, event_id: int | None = None,
    ) -> PrivateEvent:  # fmt: skip
        new_id = event_id or self.world.snowflakes.next()
        made = PrivateEvent(
            new_id, kind, conversation_id, sender_id, text, media_id, participant_ids or [], ms_of(new_id), now_ms()
        )
        self.storage.execute(
            f"INSERT INTO private_events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (new_id, kind, conversation_id, sender_id, text, media_id, json.dumps(made.participant_ids),
             made.created_ms, made.stored_ms, None),
        )  # fmt: skip
        return made

    def _others(self, account: Account, conversation_id: str) -> list[Account]:
        return [one for one in self.members(conversation_id) if one.id != account.id]

    def _announce(self, event: PrivateEvent, members: list[Account], *, is_encrypted: bool) -> None:
        """One event for each subscriber: the sender's, and one for each who receives it."""
        sender, others = members[0], members[1:]
        if is_encrypted:
            for other in others:
                self.activity.announce_act("chat.received", other.id, _ciphertext(event, sender, other))
            self.activity.announce_act("chat.sent", sender.id, _ciphertext(event, sender, others[0]))
            return
        for other in others:
            message = self.message(event, other.id)
            for kind, user_id in (("dm.received", other.id), ("dm.sent", sender.id)):
                self.activity.announce_private(
                    kind, "direct_message_events", message, [sender, other], [user_id], event_id=event.id
                )

    def message(self, event: PrivateEvent, recipient_id: int) -> dict[str, Any]:
        """A message in the old shape, which events still have."""
        text, entities, attachment = self._written(event)
        data: dict[str, Any] = {"text": text, "entities": entities}
        if attachment:
            data["attachment"] = attachment
        return {
            "type": "message_create",
            "id": str(event.id),
            "created_timestamp": str(event.created_ms),
            "message_create": {
                "target": {"recipient_id": str(recipient_id)},
                "sender_id": str(event.sender_id),
                "message_data": data,
            },
        }

    def _written(self, event: PrivateEvent) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
        text = escape(event.text)
        entities = old_events.in_old_words(entities_of(text, self._named(event.text)))
        if not event.media_id:
            return text, entities, None
        link = short_link(event.media_id)
        place = [len(text) + 1, len(text) + 1 + len(link)]
        shown = f"https://x.com/messages/media/{event.id}"
        entities["urls"].append(
            {"url": link, "expanded_url": shown, "display_url": f"pic.x.com/{link[-10:]}", "indices": place}
        )
        media = self.media.old_shape(event.media_id, place, self.address(event))
        return f"{text} {link}", entities, {"type": "media", "media": media}

    def address(self, event: PrivateEvent) -> str:
        """Where the picture of a message is downloaded, with the token of one who may see it."""
        name = self.media.file_name(event.media_id or 0)
        return f"{self.activity.public_url}/2/dm_conversations/media/{event.id}/{event.media_id}/{name}"

    def as_json(self, event: PrivateEvent, wanted: frozenset[str]) -> dict[str, Any]:
        text = escape(event.text)
        entities = entities_of(text, self._named(event.text)) if event.text else {}
        if event.media_id:
            link = short_link(event.media_id)
            start = len(text) + 1
            entities.setdefault("urls", []).append(
                {
                    "start": start,
                    "end": start + len(link),
                    "url": link,
                    "expanded_url": f"https://x.com/messages/media/{event.id}",
                    "display_url": f"pic.x.com/{link[-10:]}",
                }
            )
            text = f"{text} {link}"
        full: dict[str, Any] = {
            "id": str(event.id),
            "event_type": event.kind,
            "text": text if event.kind == MESSAGE else None,
            "sender_id": str(event.sender_id),
            "dm_conversation_id": event.conversation_id,
            "created_at": timestamp(event.created_ms),
            "participant_ids": [str(one) for one in event.participant_ids],
            "attachments": {"media_keys": [self.media.key(event.media_id)]} if event.media_id else None,
            "entities": entities,
            "referenced_tweets": [{"id": found} for found in STATUS.findall(event.text)],
        }
        return {name: value for name, value in full.items() if name in wanted and value not in (None, [], {}, "")}

    def _named(self, text: str) -> dict[str, str]:
        found = {name.lower(): self.world.account_named(name) for _, name in names_in(text)}
        return {name: str(account.id) for name, account in found.items() if account}


def _event_of(
    event_id: int, kind: str, conversation_id: str, sender_id: int, text: str, media_id: int | None,
    participant_ids: str, created_ms: int, stored_ms: int, deleted_ms: int | None,
) -> PrivateEvent:  # fmt: skip
    return PrivateEvent(
        event_id, kind, conversation_id, sender_id, text, media_id, json.loads(participant_ids), created_ms, stored_ms,
        deleted_ms,
    )  # fmt: skip


def _act(source: Account, target: Account) -> dict[str, Any]:
    return {
        "created_timestamp": str(now_ms()),
        "sender_id": str(source.id),
        "target": {"recipient_id": str(target.id)},
    }


def _ciphertext(event: PrivateEvent, sender: Account, other: Account) -> dict[str, Any]:
    """What is told of an encrypted message: that there is one. The rest is noise to whoever lacks the keys."""
    return {
        "conversation_token": _noise(48),
        "id": str(uuid.uuid4()),
        "created_at_msec": str(event.created_ms),
        "sender_id": str(sender.id),
        "conversation_id": f"{sender.id}:{other.id}",
        "conversation_key_version": str(event.created_ms),
        "encoded_event": _noise(96),
        "conversation_key_change_event": _noise(96),
        "message_event_signature": {
            "public_key_version": "1",
            "signature": _noise(64),
            "signature_version": "7",
            "signing_public_key": _noise(65),
        },
    }


def _noise(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode()
