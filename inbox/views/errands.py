"""What is done to a message at Twitter besides answering it. Runs inside the brand."""

from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from inbox import tasks
from inbox.domain import errands
from inbox.enums import ErrandKind
from inbox.models import Errand, Message
from inbox.views import panes
from tenants.nudge import nudge
from tenants.refusals import NotNow, Refusal


@require_POST
def errands_of(request: Any, pk: int) -> HttpResponse:
    """Have something done to this message: `kind` says what, `text` the new words of an edit."""
    message = Message.objects.filter(pk=pk).first() if pk < 2**63 else None
    if message is None:
        raise Http404("There is no such message in this brand.")
    kind, text = request.POST.get("kind", ""), request.POST.get("text", "")
    try:
        if kind not in ErrandKind:
            raise NotNow("Choose what is to be done: delete, edit, hide, like.")
        errands.want(message=message, kind=kind, text=text, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return panes.draw(request, panes.get(message.conversation_id), refusal=refusal)
    nudge(tasks.post_replies)
    return panes.after(request, message.conversation_id)


@require_POST
def errand_retry(request: Any, pk: int) -> HttpResponse:
    """Do it after all: it was refused, or nobody knows."""
    errand = _errand(pk)
    try:
        errands.try_again(errand=errand, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return panes.draw(request, panes.get(errand.message.conversation_id), refusal=refusal)
    nudge(tasks.post_replies)
    return panes.after(request, errand.message.conversation_id)


@require_POST
def errand_done(request: Any, pk: int) -> HttpResponse:
    """Say that Twitter did it."""
    errand = _errand(pk)
    try:
        errands.it_was_done(errand=errand, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return panes.draw(request, panes.get(errand.message.conversation_id), refusal=refusal)
    return panes.after(request, errand.message.conversation_id)


def _errand(pk: int) -> Errand:
    found = Errand.objects.select_related("message").filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Http404("There is no such errand in this brand.")
    return found
