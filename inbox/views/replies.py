"""Replies, in the conversation's pane: written, kept, sent, taken back, decided about. Runs inside the brand."""

import re
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from inbox import tasks
from inbox.domain import posting, replies
from inbox.enums import ReplyStatus, ReplyWay
from inbox.forms import DraftForm, ReplyForm
from inbox.models import Reply
from inbox.views import panes
from tenants.nudge import nudge
from tenants.refusals import NotNow, Refusal


@require_POST
def replies_of(request: Any, pk: int) -> HttpResponse:
    """Answer: write a reply and send it on its way, or before a second person."""
    found, form, typed = panes.get(pk), ReplyForm(request.POST), request.POST.get("text", "")
    if not form.is_valid():
        return panes.draw(request, found, refusal=NotNow(form.sentence()), typed=typed, held_id=_held_id(request))
    try:
        reply = replies.compose(
            conversation=found,
            text=form.cleaned_data["text"],
            answers_id=form.cleaned_data["in_reply_to"],
            by=request.person,
            role=request.role,
            now=timezone.now(),
            reply=held(request, found.pk),
            way=form.cleaned_data["way"] or ReplyWay.PUBLIC,
            invites_private=form.cleaned_data["invites_private"],
            in_parts=form.cleaned_data["in_parts"],
        )
    except Refusal as refusal:
        return panes.draw(request, found, refusal=refusal, typed=typed, held_id=_held_id(request))
    nudge_for(reply)
    return panes.after(request, found.pk)


@require_POST
def draft(request: Any, pk: int) -> HttpResponse:
    """Keep what was typed. A page that is being left wants no picture back (`quietly`), only the draft's key."""
    found, form, typed = panes.get(pk), DraftForm(request.POST), request.POST.get("text", "")
    quietly = "quietly" in request.POST
    try:
        if not form.is_valid():
            raise NotNow(form.sentence())
        kept = replies.save_draft(
            conversation=found,
            text=form.cleaned_data["text"],
            answers_id=form.cleaned_data["in_reply_to"],
            by=request.person,
            role=request.role,
            now=timezone.now(),
            reply=held(request, found.pk),
            way=form.cleaned_data["way"],
            invites_private=form.cleaned_data["invites_private"],
        )
    except Refusal as refusal:
        if quietly:
            return JsonResponse({"refused": str(refusal)}, status=409)
        return panes.draw(request, found, refusal=refusal, typed=typed)
    return JsonResponse({"reply": str(kept.pk)}) if quietly else panes.after(request, found.pk, held_id=kept.pk)


@require_POST
def undo(request: Any, pk: int) -> HttpResponse:
    """Take a reply back before it leaves; its words are in the composer again. What was being typed there is kept."""
    reply, now = panes.get_reply(pk), timezone.now()
    try:
        reply = replies.take_back(reply=reply, by=request.person, role=request.role, now=now)
    except Refusal as refusal:
        return panes.draw(request, panes.get(reply.conversation_id), refusal=refusal)
    return panes.after(request, reply.conversation_id, held_id=reply.pk)


@require_POST
def discard(request: Any, pk: int) -> HttpResponse:
    """Throw a draft away."""
    reply = panes.get_reply(pk)
    try:
        replies.discard(reply=reply, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return panes.draw(request, panes.get(reply.conversation_id), refusal=refusal)
    return panes.after(request, reply.conversation_id)


@require_POST
def retry(request: Any, pk: int) -> HttpResponse:
    """Post a reply again whose fate was unknown, or that Twitter refused."""
    reply = panes.get_reply(pk)
    try:
        replies.try_again(reply=reply, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return panes.draw(request, panes.get(reply.conversation_id), refusal=refusal)
    nudge(tasks.post_replies)
    return panes.after(request, reply.conversation_id)


@require_POST
def posted(request: Any, pk: int) -> HttpResponse:
    """Say that a reply is on Twitter, with the tweet's address."""
    reply = panes.get_reply(pk)
    try:
        posting.it_was_posted(
            reply=reply,
            tweet_id=_tweet_id_in(request.POST.get("address", "")) if reply.way != ReplyWay.PRIVATE else None,
            by=request.person,
            role=request.role,
            now=timezone.now(),
        )
    except Refusal as refusal:
        return panes.draw(request, panes.get(reply.conversation_id), refusal=refusal)
    return panes.after(request, reply.conversation_id)


def nudge_for(reply: Reply) -> None:
    """Have an approved reply posted as soon as it can no more be taken back."""
    if reply.status == ReplyStatus.APPROVED:
        tasks.post_soon(reply.undo_until)


def held(request: Any, conversation_id: int) -> Reply | None:
    """The draft that the composer held, if it is still one; else what was typed is a reply of its own."""
    held_id = _held_id(request)
    open_ones = Reply.objects.filter(status__in=[ReplyStatus.DRAFT, ReplyStatus.SENT_BACK], author=request.person.pk)
    return open_ones.filter(pk=held_id, conversation_id=conversation_id).first() if held_id else None


def _held_id(request: Any) -> int | None:
    held = request.POST.get("reply", "")
    return int(held) if held.isascii() and held.isdecimal() and len(held) < 19 else None


def _tweet_id_in(address: str) -> int:
    found = re.search(r"(?:status(?:es)?/|^)(\d{5,19})(?:\D|$)", address.strip())
    if not found:
        raise NotNow("Paste the address of the tweet, like https://x.com/yourbrand/status/2087600250024886273.")
    return int(found.group(1))
