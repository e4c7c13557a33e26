"""Approvals: what waits for a second person, and what that person says. Runs inside the brand (`config/doors.py`)."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from inbox import policies, queries
from inbox.domain import handoffs, replies, rules
from inbox.models import Reply
from inbox.views import cards, panes, timeline
from inbox.views.replies import nudge_for
from tenants.refusals import Refusal

PAGE = 50


@require_GET
def approvals(request: Any) -> HttpResponse:
    """Everything that waits for a second person, the longest first."""
    return _draw(request)


@require_GET
def approvals_count(request: Any) -> HttpResponse:
    """How many wait, for the navigation to draw again."""
    return render(request, "inbox/approvals_count.html", {"count": queries.count_to_approve()})


@require_POST
def approve(request: Any, pk: int) -> HttpResponse:
    """Let a reply go out, as it is or as it was changed here (`text`)."""
    reply = panes.get_reply(pk)
    try:
        reply = handoffs.approve(
            reply=reply,
            by=request.person,
            role=request.role,
            now=timezone.now(),
            text=request.POST.get("text"),
            seen=request.POST.get("seen"),
        )
    except Refusal as refusal:
        return _answer(request, reply, refusal)
    nudge_for(reply)
    return _answer(request, reply)


@require_POST
def send_back(request: Any, pk: int) -> HttpResponse:
    """Give a reply back to its author, with the reason (`why`)."""
    reply, why = panes.get_reply(pk), request.POST.get("why", "")
    try:
        replies.send_back(reply=reply, by=request.person, role=request.role, why=why, now=timezone.now())
    except Refusal as refusal:
        return _answer(request, reply, refusal)
    return _answer(request, reply)


def _answer(request: Any, reply: Reply, refusal: Refusal | None = None) -> HttpResponse:
    """The page that asked, as it is now: the list, or the conversation."""
    if "from_list" not in request.POST:
        if refusal:
            return panes.draw(request, panes.get(reply.conversation_id), refusal=refusal)
        return panes.after(request, reply.conversation_id)
    if refusal or request.htmx:
        return _draw(request, refusal=refusal)
    return HttpResponseRedirect(f"{request.badge.url}approvals/")


def _draw(request: Any, *, refusal: Refusal | None = None) -> HttpResponse:
    status = refusal.status if refusal else 200
    request.refusal = str(refusal) if refusal else None
    template = "inbox/approvals_list.html" if request.htmx else "inbox/approvals.html"
    return render(request, template, _list(request), status=status)


def _list(request: Any) -> dict[str, Any]:
    found, rule, now = list(queries.replies_to_approve()[: PAGE + 1]), rules.current(), timezone.now()
    page, gone = found[:PAGE], list(queries.still_to_take_back(request.person.pk, now=now))
    names = cards.colleagues((reply.author_id for reply in page), agency_id=request.agency.pk)
    drawn = cards.reply_cards(
        [*page, *gone], badge=request.badge, names=names, user=request.person, role=request.role, rule=rule, now=now
    )
    why_not = None
    try:
        policies.check_may_approve(request.role, rule)
        policies.check_brand_is_live(request.brand.state)
    except Refusal as refusal:
        why_not = str(refusal)
    return {
        "approvals": _with_what_they_answer(page, drawn[: len(page)], request),
        "gone": [
            {**card, "customer": reply.conversation.customer}
            for reply, card in zip(gone, drawn[len(page) :], strict=True)
        ],
        "has_more": len(found) > PAGE,
        "why_not": why_not,
        "list_url": f"{request.badge.url}approvals/",
    }


def _with_what_they_answer(page: Sequence[Reply], drawn: Sequence[dict[str, Any]], request: Any) -> list[dict]:
    answered = queries.messages_with(reply.answers_id for reply in page)
    together = []
    for reply, card in zip(page, drawn, strict=True):
        message = answered.get(reply.answers_id)
        together.append(
            {
                **card,
                "customer": cards.customer_card(reply.conversation.customer),
                "answered": timeline.parts(timeline.shown_text(message), message.links) if message else [],
                "answered_at": message.created_at if message else None,
                "is_deleted": bool(message and message.deleted_at),
                "url": f"{request.badge.url}conversations/{reply.conversation_id}/",
                "is_own": reply.author_id == request.person.pk,
            }
        )
    return together
