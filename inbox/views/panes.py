"""The conversation's pane: what it is drawn from, and how an act in it is answered. Runs inside the brand."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from accounts.enums import Right, may
from inbox import policies, queries
from inbox.domain import parts, rules
from inbox.enums import Direction, ReplyStatus, ReplyWay
from inbox.models import Conversation, Disposition, Message, Note, Reply
from inbox.views import acts, cards, timeline
from inbox.views.listing import listing
from tenants.refusals import Refusal


def pane(request: Any, found: Conversation, *, typed: str = "", held_id: int | None = None) -> dict[str, Any]:
    """What the pane is drawn from. `typed` was refused and stays in the composer; `held_id` is the draft to show."""
    now, badge, role = timezone.now(), request.badge, request.role
    messages = list(queries.messages_of(found))
    history = list(queries.history_of(found, role=role))
    notes = list(queries.notes_of(found)) if may(role, Right.READ_NOTES) else []
    drafts = list(queries.drafts_of(found, user_id=request.person.pk)) if may(role, Right.DRAFT) else []
    held = _held(drafts, held_id)
    under_way = [each for each in queries.replies_under_way(found, role=role) if each != held]
    shown = under_way + [each for each in drafts if each != held and each.status == ReplyStatus.DRAFT]
    names = _names(request, found, messages, history, notes, [*under_way, *drafts])
    dispositions, rule = queries.dispositions(), rules.current()
    card = cards.conversation_card(
        found, messages, badge=badge, names=names, user=request.person, now=now, dispositions=dispositions
    )
    told = acts.with_acts(cards.message_cards(messages, found, badge=badge, names=names), messages, badge, role=role)
    lines = told + cards.note_cards(notes, names=names)
    return {
        "conversation": card,
        "messages": sorted(lines, key=lambda line: line["at"]),
        "history": cards.history_cards(history, names=names),
        "replies": cards.reply_cards(
            shown, badge=badge, names=names, user=request.person, role=role, rule=rule, now=now
        ),
        "tags": cards.tag_cards(queries.tags_of(found)),
        "known_tags": list(queries.tags().values_list("name", flat=True)) if may(role, Right.WORK) else [],
        "composer": {
            **_composer(request, found, messages, dispositions),
            "newest": _newest(held, messages),
            "draft": typed or (held.text if held else ""),
            "way": _way(held, messages),
            "invites_private": bool(held and held.invites_private),
            "files": files_of(held, badge=badge),
            "held": cards.held_card(held, badge=badge, names=names),
            "needs_approval": rules.needs_approval(rule, role),
        },
    }


def draw(
    request: Any,
    found: Conversation,
    *,
    refusal: Refusal | None = None,
    typed: str = "",
    held_id: int | None = None,
) -> HttpResponse:
    """The pane alone for a screen that asks for the part, else the inbox around it; with a refusal, its status."""
    status = refusal.status if refusal else 200
    request.refusal = str(refusal) if refusal else None
    context = pane(request, found, typed=typed, held_id=held_id)
    if request.htmx:  # told in `base.html` to put refusals in place too
        return render(request, "inbox/conversation_pane.html", context, status=status)
    return render(request, "inbox/inbox.html", {**listing(request), **context}, status=status)


def after(request: Any, conversation_id: int, *, held_id: int | None = None) -> HttpResponse:
    """The pane as it is after an act."""
    if request.htmx:
        return draw(request, get(conversation_id), held_id=held_id)
    asking = f"?draft={held_id}" if held_id else ""
    return HttpResponseRedirect(f"{request.badge.url}conversations/{conversation_id}/{asking}")


def get(pk: int) -> Conversation:
    """This conversation; 404 where the brand has none of this key."""
    found = queries.conversation_with(pk) if pk < 2**63 else None
    if found is None:
        raise Http404("There is no such conversation in this brand.")
    return found


def get_reply(pk: int) -> Reply:
    """This reply; 404 where the brand has none of this key."""
    reply = Reply.objects.filter(pk=pk).first() if pk < 2**63 else None
    if reply is None:
        raise Http404("There is no such reply in this brand.")
    return reply


def files_of(reply: Reply | None, *, badge: Any) -> list[dict[str, Any]]:
    """The files that a reply will show, without their content."""
    if reply is None:
        return []
    return [
        {
            "pk": file.pk,
            "url": f"{badge.url}files/{file.pk}/",
            "kind": str(file.kind),
            "kind_words": file.get_kind_display(),
            "kilobytes": max(1, file.size // 1024),
            "alt_text": file.alt_text,
        }
        for file in reply.media.order_by("position", "pk").defer("content")
    ]


def draft_asked_for(request: Any) -> int | None:
    """The draft that the address names, for the composer."""
    asked = request.GET.get("draft", "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None


def _held(drafts: Sequence[Reply], held_id: int | None) -> Reply | None:
    """What the composer holds: the draft that was asked for, else what was sent back, else what was begun last."""
    asked = (each for each in drafts if each.pk == held_id)
    sent_back = (each for each in drafts if each.status == ReplyStatus.SENT_BACK)
    return next(chain(asked, sent_back, drafts), None)


def _names(
    request: Any,
    found: Conversation,
    messages: Sequence[Message],
    history: Sequence[Any],
    notes: Sequence[Note],
    replies: Sequence[Reply],
) -> dict[int, Any]:
    people = [found.assignee_id, *(message.reply.author_id for message in messages if message.reply)]
    people += [event.by_id for event in history] + [note.noted_by_id for note in notes]
    for reply in replies:
        people += [reply.author_id, reply.approved_by_id, reply.sent_back_by_id, reply.changed_by_id]
    return cards.colleagues(people, agency_id=request.agency.pk)


def _composer(
    request: Any, found: Conversation, messages: Sequence[Message], dispositions: Sequence[Disposition]
) -> dict[str, Any]:
    root = f"{request.badge.url}conversations/{found.pk}/"
    theirs = _theirs(messages)
    why_not = None
    try:
        policies.check_can_write(request.role, found)
    except Refusal as refusal:
        why_not = str(refusal)
    if why_not is None and not theirs:
        why_not = "There is no tweet of the customer's here that could be answered."
    may_work = may(request.role, Right.WORK)
    return {
        "can_reply": why_not is None,
        "why_not": why_not,
        "not_live": None if why_not else _not_live(request),
        "in_reply_to": str(theirs[-1].pk) if theirs else "",
        "limit": parts.limit_for(ReplyWay.PUBLIC, found.handle_id),
        "longest_private": parts.LONGEST_PRIVATE,
        "ways": _ways(theirs[-1] if theirs else None),
        "may_answer_url": f"{root}may-answer/",
        "parts_url": f"{root}parts/",
        "files_url": f"{root}files/",
        "reply_url": f"{root}replies/",
        "draft_url": f"{root}draft/",
        "advice_url": f"{root}advice/",
        "canned_url": f"{root}canned/",
        "take_url": f"{root}assignment/" if may_work else None,
        "give_back_url": f"{root}assignment/?give_back=1" if may_work else None,
        "close_url": f"{root}close/" if may_work else None,
        "notes_url": f"{root}notes/" if may_work else None,
        "tags_url": f"{root}tags/" if may_work else None,
        "dispositions": [(each.key, each.name) for each in dispositions if each.retired_at is None],
    }


def _theirs(messages: Sequence[Message]) -> list[Message]:
    """What the customer wrote and can be answered, in order."""
    return [each for each in messages if each.direction == Direction.INBOUND and timeline.is_shown(each)]


def _newest(held: Reply | None, messages: Sequence[Message]) -> str:
    """The newest that whoever writes should know of, whatever the draft answers.

    A public draft begun after what was said in private is not behind it: it tells in public how that ended.
    """
    theirs = _theirs(messages)
    if held is not None and held.way != ReplyWay.PRIVATE:
        begun = held.created_at.replace(microsecond=0)  # Twitter tells whole seconds
        theirs = [each for each in theirs if not each.is_private or each.created_at >= begun]
    return str(theirs[-1].pk) if theirs else ""


def _ways(newest: Message | None) -> list[tuple[str, str]]:
    """The ways that are offered: a direct message is answered by one, and quoting is for some plans only."""
    ways = [(str(way), str(way.label)) for way in ReplyWay]
    if newest is not None and newest.is_private:
        return [each for each in ways if each[0] == ReplyWay.PRIVATE]
    return [each for each in ways if each[0] != ReplyWay.QUOTE or settings.TWITTER_PLAN == "enterprise"]


def _way(held: Reply | None, messages: Sequence[Message]) -> str:
    """The way that stands chosen: the draft's, else the one by which they wrote last."""
    if held is not None:
        return held.way
    theirs = [each for each in messages if each.direction == Direction.INBOUND and not each.deleted_at]
    return str(ReplyWay.PRIVATE if theirs and theirs[-1].is_private else ReplyWay.PUBLIC)


def _not_live(request: Any) -> str | None:
    try:
        policies.check_brand_is_live(request.brand.state)
    except Refusal as refusal:
        return str(refusal)
    return None
