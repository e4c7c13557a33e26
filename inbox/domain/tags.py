"""Tags: the words that a brand puts on its conversations, to find them again."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Lower

from accounts.models import User
from inbox import policies
from inbox.domain import events
from inbox.domain.events import Line
from inbox.enums import EventKind
from inbox.models import Conversation, Tag, Tagging
from tenants.refusals import NotNow

LONGEST = 40
MOST_ON_ONE = 20


@transaction.atomic
def put_on(*, conversation: Conversation, name: str, by: User, role: str, now: datetime) -> Tag:
    """Put a tag on a conversation. A new word becomes a tag of the brand; one that it has already changes nothing."""
    tag, lines = lay(conversation=conversation, name=name, by=by, role=role, now=now)
    events.record(lines)
    return tag


@transaction.atomic
def take_off(*, conversation: Conversation, tag: Tag, by: User, role: str, now: datetime) -> None:
    """Take a tag off a conversation; one that it does not have changes nothing."""
    policies.check_can_keep(role)
    gone, _ = Tagging.objects.filter(conversation_id=conversation.pk, tag_id=tag.pk).delete()
    if gone:
        facts = {"tag": tag.pk, "name": tag.name}
        events.record([Line(EventKind.UNTAGGED, conversation.pk, now, by_id=by.pk, facts=facts)])


@transaction.atomic
def retire(*, tag: Tag, role: str, now: datetime) -> Tag:
    """Offer a tag no more. Conversations that have it keep it."""
    policies.check_can_guide(role)
    tag = Tag.objects.select_for_update().get(pk=tag.pk)
    tag.retired_at = tag.retired_at or now
    tag.save(update_fields=["retired_at"])
    return tag


@transaction.atomic
def bring_back(*, tag: Tag, role: str) -> Tag:
    """Offer a retired tag again."""
    policies.check_can_guide(role)
    tag = Tag.objects.select_for_update().get(pk=tag.pk)
    tag.retired_at = None
    tag.save(update_fields=["retired_at"])
    return tag


@transaction.atomic
def add(*, name: str, role: str) -> Tag:
    """Give the brand a tag before any conversation has it."""
    policies.check_can_guide(role)
    tag = _called(_read(name))
    if tag.retired_at:
        tag.retired_at = None
        tag.save(update_fields=["retired_at"])
    return tag


def lay(*, conversation: Conversation, name: str, by: User, role: str, now: datetime) -> tuple[Tag, list[Line]]:
    """`put_on` inside a larger act, which records the lines itself."""
    policies.check_can_keep(role)
    tag = _called(_read(name))
    if tag.retired_at:
        raise NotNow(f"The tag “{tag.name}” is retired. A supervisor can bring it back.")
    has = Tagging.objects.filter(conversation_id=conversation.pk)
    if has.filter(tag=tag).exists():
        return tag, []
    if has.count() >= MOST_ON_ONE:
        raise NotNow(f"{MOST_ON_ONE} tags are the most on one conversation. Take one off first.")
    made = Tagging.objects.bulk_create(
        [Tagging(conversation_id=conversation.pk, tag=tag, tagged_at=now, tagged_by=by)], ignore_conflicts=True
    )
    facts = {"tag": tag.pk, "name": tag.name}
    return tag, [Line(EventKind.TAGGED, conversation.pk, now, by_id=by.pk, facts=facts) for _ in made]


def follow(merged: Mapping[int, int]) -> None:
    """Let the tags of conversations that were merged into others go with them."""
    for emptied, into in merged.items():
        left = Tagging.objects.filter(conversation_id=emptied)
        left.filter(tag__in=Tagging.objects.filter(conversation_id=into).values("tag")).delete()
        left.update(conversation_id=into)


def names_in(text: str) -> list[str]:
    """The tags that somebody typed in one line, between commas, each once."""
    return list(dict.fromkeys(name for part in text.split(",") if (name := _tidy(part))))


def _called(name: str) -> Tag:
    # Compared as the constraint compares: `iexact` takes the Kelvin sign and k for two words, lower() for one.
    same = Tag.objects.alias(lower=Lower("name")).filter(lower=Lower(Value(name))).order_by("pk")
    found = same.first()
    if found is None:
        Tag.objects.bulk_create([Tag(name=name)], ignore_conflicts=True)  # somebody may be as quick with the same word
        found = same.all()[0]
    return found


def _read(name: str) -> str:
    name = _tidy(name)
    if not name:
        raise NotNow("A tag needs a word.")
    if len(name) > LONGEST:
        raise NotNow(f"A tag has {LONGEST} characters at most.")
    return name


def _tidy(name: str) -> str:
    return " ".join(_without_controls(name).split()).lstrip("#").strip(", ")


def _without_controls(text: Iterable[str]) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
