"""What a draft will show, and in which parts it will go out. Runs inside the brand."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from inbox import queries
from inbox.domain import media, parts, replies
from inbox.enums import ReplyWay
from inbox.forms import DraftForm
from inbox.models import ReplyMedia
from inbox.views import panes
from inbox.views.replies import held
from playbooks.domain import canned
from tenants.refusals import NotNow, Refusal

_LARGEST = max(media.LARGEST.values())


@require_POST
def parts_of(request: Any, pk: int) -> HttpResponse:
    """The typed text as it would go out: nothing where it fits, else its parts with their lengths."""
    found, text, way = panes.get(pk), request.POST.get("text", "")[:25_000], request.POST.get("way", "")
    way = way if way in ReplyWay else ReplyWay.PUBLIC
    context: dict[str, Any] = {"parts": [], "too_long": ""}
    try:
        cut = parts.cut(canned.plain(text).strip(), way=way, handle_id=found.handle_id)
        limit = parts.limit_for(way, found.handle_id)
        if len(cut) > 1:
            context["parts"] = [{"text": each.text, "left": limit - parts.length_of(each.text, way)} for each in cut]
    except NotNow as refusal:
        context["too_long"] = str(refusal)
    return render(request, "inbox/parts/in_parts.html", context)


@require_POST
def files_of(request: Any, pk: int) -> HttpResponse:
    """Put a file to what is being written; that is kept as a draft with it."""
    found, form, typed = panes.get(pk), DraftForm(request.POST), request.POST.get("text", "")
    draft = held(request, found.pk)
    try:
        content = _content(request)
        form.fields["text"].required = False
        if not form.is_valid():
            raise NotNow(form.sentence())
        media.look_at(content)  # before there is a draft: one without words is kept for its file alone
        draft = replies.save_draft(
            conversation=found,
            text=form.cleaned_data["text"],
            answers_id=form.cleaned_data["in_reply_to"],
            by=request.person,
            role=request.role,
            now=timezone.now(),
            reply=draft,
            way=form.cleaned_data["way"],
            invites_private=form.cleaned_data["invites_private"],
            for_a_file=True,
        )
        media.attach(
            reply=draft, content=content, alt_text="", by=request.person, role=request.role, now=timezone.now()
        )
    except Refusal as refusal:
        return panes.draw(request, found, refusal=refusal, typed=typed, held_id=draft.pk if draft else None)
    return panes.after(request, found.pk, held_id=draft.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def file(request: Any, pk: int) -> HttpResponse:
    """A file of a reply, for who may see that reply; or, posted, what it shows in words."""
    found = _file(request, pk)
    if request.method != "POST":
        answer = HttpResponse(bytes(found.content), content_type=found.content_type)
        answer["Cache-Control"], answer["X-Content-Type-Options"] = "private, no-store", "nosniff"
        return answer
    conversation_id = found.reply.conversation_id
    try:
        media.describe(file=found, alt_text=request.POST.get("alt_text", ""), by=request.person, role=request.role)
    except Refusal as refusal:
        return panes.draw(request, panes.get(conversation_id), refusal=refusal, held_id=found.reply_id)
    return panes.after(request, conversation_id, held_id=found.reply_id)


@require_POST
def file_removal(request: Any, pk: int) -> HttpResponse:
    """Take a file off a draft."""
    found = _file(request, pk)
    conversation_id, reply_id = found.reply.conversation_id, found.reply_id
    try:
        media.remove(file=found, by=request.person, role=request.role)
    except Refusal as refusal:
        return panes.draw(request, panes.get(conversation_id), refusal=refusal, held_id=reply_id)
    return panes.after(request, conversation_id, held_id=reply_id)


def _content(request: Any) -> bytes:
    sent = request.FILES.get("file")
    if sent is None:
        raise NotNow("Choose a photo, a GIF or a video.")
    if sent.size > _LARGEST:
        raise NotNow(f"The file has {sent.size / media.MB:.1f} MB; {_LARGEST // media.MB} MB are the most.")
    return bytes(sent.read())


def _file(request: Any, pk: int) -> ReplyMedia:
    """This file, if its reply may be seen; 404 otherwise."""
    visible = queries.replies_visible_to(request.role, user_id=request.person.pk).values("pk")
    found = ReplyMedia.objects.select_related("reply").filter(pk=pk if pk < 2**63 else 0, reply__in=visible).first()
    if found is None:
        raise Http404("There is no such file in this brand.")
    return found
