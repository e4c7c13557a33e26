"""May we answer here, and what does it cost? Beside the composer; and what is posted in X by hand. Inside the brand."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from inbox.domain import costs, eligibility, handoffs, parts
from inbox.enums import Answerable, Direction, ReplyStatus, ReplyWay
from inbox.forms import ReplyForm
from inbox.models import Conversation, Message, Reply
from inbox.twitter import addresses
from inbox.views import panes
from inbox.views.costs import dollars
from tenants.refusals import NotNow, Refusal

_LONGEST = 25_000


@require_POST
def may_answer(request: Any, pk: int) -> HttpResponse:
    """Whether the message that is being answered may be, and what the typed text costs; asked again as it changes."""
    return render(request, "inbox/parts/may_answer_words.html", panel(request, panes.get(pk)))


@require_POST
def elsewhere(request: Any, pk: int) -> HttpResponse:
    """Keep a reply that a person posts in X by hand; or put it before a second person first."""
    found, form, typed = panes.get(pk), ReplyForm(request.POST), request.POST.get("text", "")
    try:
        if not form.is_valid():
            raise NotNow(form.sentence())
        handoffs.hand_over(
            conversation=found,
            text=form.cleaned_data["text"],
            answers_id=form.cleaned_data["in_reply_to"],
            by=request.person,
            role=request.role,
            now=timezone.now(),
            reply=_held(request, found),
        )
    except Refusal as refusal:
        return panes.draw(request, found, refusal=refusal, typed=typed)
    return panes.after(request, found.pk)


@require_POST
def elsewhere_back(request: Any, pk: int) -> HttpResponse:
    """Make what was to be posted in X a draft again; its words are in the composer."""
    reply = panes.get_reply(pk)
    try:
        reply = handoffs.take_back(reply=reply, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return panes.draw(request, panes.get(reply.conversation_id), refusal=refusal)
    return panes.after(request, reply.conversation_id, held_id=reply.pk)


@require_POST
def outcome(request: Any, pk: int) -> HttpResponse:
    """Begin a public reply that tells how a private matter ended."""
    found = panes.get(pk)
    try:
        reply = handoffs.draft_outcome(conversation=found, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return panes.draw(request, found, refusal=refusal)
    return panes.after(request, found.pk, held_id=reply.pk)


def panel(request: Any, found: Conversation) -> dict[str, Any]:
    """What the panel beside the composer is drawn from."""
    text, way = request.POST.get("text", "")[:_LONGEST], request.POST.get("way", ReplyWay.PUBLIC)
    way = way if way in ReplyWay else ReplyWay.PUBLIC
    root, now = request.badge.url, timezone.now()
    message = _answered(found, request.POST.get("in_reply_to", ""))
    verdict = eligibility.now_for(message, found.customer, found) if message else None
    handed = _handed_over(found)
    likely = handoffs.likely(handed)
    is_private = message is not None and (message.is_private or way == ReplyWay.PRIVATE)
    return {
        "verdict": verdict,
        "is_private": is_private,
        "state": _state(verdict, is_private=is_private),
        "by_hand_url": f"{root}conversations/{found.pk}/elsewhere/" if _by_hand(message, found) else None,
        "private_url": addresses.private_messages(found.customer_id) if verdict and verdict.may_private else None,
        "outcome_url": f"{root}conversations/{found.pk}/outcome/" if handoffs.outcome_of(found) else None,
        "cost": _cost(text, ReplyWay.PRIVATE if is_private else way, found),
        "handed": [_handed(each, likely.get(each.pk), root, now) for each in handed],
    }


def _answered(found: Conversation, asked: str) -> Message | None:
    """The message that is asked about, else the newest of the customer's."""
    theirs = Message.objects.filter(conversation=found.pk, direction=Direction.INBOUND)
    if asked.isascii() and asked.isdecimal() and len(asked) < 20:
        message = theirs.filter(pk=int(asked)).first() if int(asked) < 2**63 else None
        if message is not None:
            return message
    return theirs.order_by("-pk").first()


def _state(verdict: eligibility.Verdict | None, *, is_private: bool) -> str:
    if verdict is None:
        return ""
    if is_private:
        return "yes" if verdict.may_private else "no"
    return {Answerable.ELIGIBLE: "yes", Answerable.UNKNOWN: "perhaps"}.get(verdict.public, "no")


def _by_hand(message: Message | None, found: Conversation) -> bool:
    """Whether posting it in X is to be offered: where the API would not, or may not, and a person may."""
    if message is None or message.is_private:
        return False
    verdict = eligibility.now_for(message, found.customer, found)
    return verdict.public == Answerable.UNKNOWN or eligibility.is_for_x(message, found.customer, found)


def _cost(text: str, way: str, found: Conversation) -> dict[str, Any] | None:
    if not text.strip():
        return None
    try:
        cut = [part.text for part in parts.cut(text, way=way, handle_id=found.handle_id)]
    except NotNow:
        cut = [text]
    cost = costs.cost_of(cut[0], way, more=cut[1:])
    return {
        "dollars": dollars(cost.micros),
        "without": dollars(cost.without_links),
        "is_dear": cost.is_dear,
        "times": cost.times,
        "links": cost.links[:5],
    }


def _handed_over(found: Conversation) -> list[Reply]:
    rows = Reply.objects.filter(conversation=found.pk, status=ReplyStatus.ELSEWHERE)
    return list(rows.select_related("conversation").order_by("pk")[:10])


def _handed(reply: Reply, found: Message | None, root: str, now: Any) -> dict[str, Any]:
    return {
        "pk": reply.pk,
        "text": reply.text,
        "since": reply.approved_at,
        "is_overdue": handoffs.is_overdue(reply, now),
        "intent_url": addresses.composer(reply.text, answers_id=reply.answers_id),
        "back_url": f"{root}replies/{reply.pk}/elsewhere/back/",
        "posted_url": f"{root}replies/{reply.pk}/posted/",
        "likely": {"text": found.text, "url": addresses.status(found.pk)} if found else None,
    }


def _held(request: Any, found: Conversation) -> Reply | None:
    """The draft that the composer holds, if it is of this conversation."""
    asked = request.POST.get("reply", "")
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 19):
        return None
    reply = Reply.objects.filter(pk=int(asked), conversation=found.pk).first()
    if reply is None:
        raise NotNow("That draft is not here any more. Copy your words, and open the conversation again.")
    return reply
