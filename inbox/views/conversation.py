"""One conversation: read, answered, taken, closed. Runs inside the brand (`config/doors.py`)."""

import re
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.domain import desk
from accounts.enums import Right, may
from inbox import policies, queries, tasks
from inbox.domain import posting, replies, routing, wrapup
from inbox.enums import Direction, FoundingDisposition
from inbox.forms import CloseForm, ReplyForm
from inbox.models import Conversation, Reply
from inbox.views import cards
from inbox.views.listing import listing
from tenants import entry
from tenants.nudge import nudge
from tenants.refusals import NotNow, NotYours, Refusal


@require_GET
def conversation(request: Any, pk: int) -> HttpResponse:
    """A conversation: in place for a screen that asks for the part, else the whole inbox around it."""
    return _draw(request, _get(pk))


@require_POST
def replies_of(request: Any, pk: int) -> HttpResponse:
    """Answer: write a reply and send it on its way."""
    found, form = _get(pk), ReplyForm(request.POST)
    if not form.is_valid():
        return _draw(request, found, refusal=NotNow(form.sentence()), draft=request.POST.get("text", ""))
    try:
        replies.compose(
            conversation=found,
            text=form.cleaned_data["text"],
            answers_id=form.cleaned_data["in_reply_to"],
            by=request.person,
            role=request.role,
            now=timezone.now(),
        )
    except Refusal as refusal:
        return _draw(request, found, refusal=refusal, draft=form.cleaned_data["text"])
    nudge(tasks.post_replies)
    return _after(request, found)


@require_POST
def assignment(request: Any, pk: int) -> HttpResponse:
    """Take this conversation, or give it back (`give_back` in the form). Decided on the desk, copied to the brand."""
    found, now = _get(pk), timezone.now()
    try:
        policies.check_can_answer(request.person, request.role, found)
        if "give_back" in request.POST or "give_back" in request.GET:
            with entry.agency(request.agency.pk):
                desk.give_back(brand_id=request.brand.pk, conversation_id=found.pk, by=request.person)
            routing.copy_given_back(conversation_id=found.pk, by=request.person, now=now)
        else:
            with entry.agency(request.agency.pk):
                desk.take(brand_id=request.brand.pk, conversation_id=found.pk, by=request.person, now=now)
            routing.copy_taken(conversation_id=found.pk, by=request.person, now=now)
    except Refusal as refusal:
        return _draw(request, found, refusal=refusal)
    return _after(request, found)


@require_POST
def close(request: Any, pk: int) -> HttpResponse:
    """Wrap up: close this conversation with how it ended."""
    found, form = _get(pk), CloseForm(request.POST)
    if not form.is_valid():
        return _draw(request, found, refusal=NotNow("Say how it ended, from the list."))
    try:
        policies.check_can_answer(request.person, request.role, found)
        wrapup.close(
            conversation=found,
            disposition=form.cleaned_data["disposition"] or FoundingDisposition.RESOLVED,
            by=request.person,
            now=timezone.now(),
        )
    except Refusal as refusal:
        return _draw(request, found, refusal=refusal)
    return _after(request, found)


@require_POST
def retry(request: Any, pk: int) -> HttpResponse:
    """Post a reply again whose fate was unknown, or that Twitter refused."""
    reply = _get_reply(pk)
    try:
        replies.try_again(reply=reply, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _draw(request, _get(reply.conversation_id), refusal=refusal)
    nudge(tasks.post_replies)
    return _after(request, _get(reply.conversation_id))


@require_POST
def posted(request: Any, pk: int) -> HttpResponse:
    """Say that a reply is on Twitter, with the tweet's address."""
    reply = _get_reply(pk)
    try:
        posting.it_was_posted(
            reply=reply,
            tweet_id=_tweet_id_in(request.POST.get("address", "")),
            by=request.person,
            role=request.role,
            now=timezone.now(),
        )
    except Refusal as refusal:
        return _draw(request, _get(reply.conversation_id), refusal=refusal)
    return _after(request, _get(reply.conversation_id))


def pane(request: Any, found: Conversation, *, draft: str = "") -> dict[str, Any]:
    """What the conversation's pane is drawn from."""
    now, badge = timezone.now(), request.badge
    messages = list(queries.messages_of(found))
    under_way, history = list(queries.replies_under_way(found)), list(queries.history_of(found))
    names = cards.colleagues(
        [found.assignee_id]
        + [message.reply.author_id for message in messages if message.reply]
        + [reply.author_id for reply in under_way]
        + [event.by_id for event in history],
        agency_id=request.agency.pk,
    )
    return {
        "conversation": cards.conversation_card(
            found, messages, badge=badge, names=names, user=request.person, now=now
        ),
        "messages": cards.message_cards(messages, found, badge=badge, names=names),
        "history": cards.history_cards(history, names=names),
        "replies": cards.reply_cards(under_way, badge=badge, names=names),
        "composer": _composer(request, found, messages, draft=draft),
    }


def _composer(request: Any, found: Conversation, messages: list, *, draft: str) -> dict[str, Any]:
    root = f"{request.badge.url}conversations/{found.pk}/"
    theirs = [each for each in messages if each.direction == Direction.INBOUND and not each.deleted_at]
    why_not = None
    try:
        policies.check_can_answer(request.person, request.role, found)
    except Refusal as refusal:
        why_not = str(refusal)
    if why_not is None and not theirs:
        why_not = "There is no tweet of the customer's here that could be answered."
    may_answer = may(request.role, Right.WORK)
    return {
        "can_reply": why_not is None,
        "why_not": why_not,
        "draft": draft,
        "in_reply_to": str(theirs[-1].pk) if theirs else "",
        "limit": 280,
        "reply_url": f"{root}replies/",
        "take_url": f"{root}assignment/" if may_answer else None,
        "give_back_url": f"{root}assignment/?give_back=1" if may_answer else None,
        "close_url": f"{root}close/" if may_answer else None,
        "dispositions": FoundingDisposition.choices,
        "canned": [],
    }


def _draw(request: Any, found: Conversation, *, refusal: Refusal | None = None, draft: str = "") -> HttpResponse:
    status = 200 if refusal is None else 403 if isinstance(refusal, NotYours) else 409
    request.refusal = str(refusal) if refusal else None
    context = pane(request, found, draft=draft)
    if request.htmx:  # told in `base.html` to put refusals in place too
        return render(request, "inbox/conversation_pane.html", context, status=status)
    return render(request, "inbox/inbox.html", {**listing(request), **context}, status=status)


def _after(request: Any, found: Conversation) -> HttpResponse:
    if request.htmx:
        return _draw(request, _get(found.pk))
    return HttpResponseRedirect(f"{request.badge.url}conversations/{found.pk}/")


def _get(pk: int) -> Conversation:
    found = queries.conversation_with(pk) if pk < 2**63 else None
    if found is None:
        raise Http404("There is no such conversation in this brand.")
    return found


def _get_reply(pk: int) -> Reply:
    reply = Reply.objects.filter(pk=pk).first() if pk < 2**63 else None
    if reply is None:
        raise Http404("There is no such reply in this brand.")
    return reply


def _tweet_id_in(address: str) -> int:
    found = re.search(r"(?:status(?:es)?/|^)(\d{5,19})(?:\D|$)", address.strip())
    if not found:
        raise NotNow("Paste the address of the tweet, like https://x.com/yourbrand/status/2087600250024886273.")
    return int(found.group(1))
