"""One conversation: read, taken, noted, tagged, closed. Runs inside the brand (`config/doors.py`)."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.domain import desk
from inbox import policies
from inbox.domain import notes, routing, tags, wrapup
from inbox.forms import CloseForm
from inbox.models import Tag
from inbox.views import panes
from tenants import entry
from tenants.refusals import NotNow, Refusal


@require_GET
def conversation(request: Any, pk: int) -> HttpResponse:
    """A conversation: in place for a screen that asks for the part, else the whole inbox around it."""
    return panes.draw(request, panes.get(pk), held_id=panes.draft_asked_for(request))


@require_POST
def assignment(request: Any, pk: int) -> HttpResponse:
    """Take this conversation, or give it back (`give_back` in the form). Decided on the desk, copied to the brand."""
    found, now = panes.get(pk), timezone.now()
    try:
        policies.check_can_work(request.role, found)
        if "give_back" in request.POST or "give_back" in request.GET:
            with entry.agency(request.agency.pk):
                desk.give_back(brand_id=request.brand.pk, conversation_id=found.pk, by=request.person)
            routing.copy_given_back(conversation_id=found.pk, by=request.person, now=now)
        else:
            with entry.agency(request.agency.pk):
                desk.take(brand_id=request.brand.pk, conversation_id=found.pk, by=request.person, now=now)
            routing.copy_taken(conversation_id=found.pk, by=request.person, now=now)
    except Refusal as refusal:
        return panes.draw(request, found, refusal=refusal)
    return panes.after(request, found.pk)


@require_POST
def close(request: Any, pk: int) -> HttpResponse:
    """Wrap up: close this conversation with how it ended, and with a note and tags in the same act."""
    found, form = panes.get(pk), CloseForm(request.POST)
    if not form.is_valid():
        return panes.draw(request, found, refusal=NotNow(form.sentence()))
    try:
        wrapup.close(
            conversation=found,
            disposition=form.cleaned_data["disposition"],
            note=form.cleaned_data["note"],
            tagged=tags.names_in(form.cleaned_data["tags"]),
            by=request.person,
            role=request.role,
            now=timezone.now(),
        )
    except Refusal as refusal:
        return panes.draw(request, found, refusal=refusal)
    return panes.after(request, found.pk)


@require_POST
def notes_of(request: Any, pk: int) -> HttpResponse:
    """Write a note for colleagues."""
    found, text = panes.get(pk), request.POST.get("note", "")
    try:
        notes.write(conversation=found, text=text, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return panes.draw(request, found, refusal=refusal)
    return panes.after(request, found.pk)


@require_POST
def tags_of(request: Any, pk: int) -> HttpResponse:
    """Put tags on this conversation (`tags`, between commas), or take one off (`off`, its key)."""
    found, now = panes.get(pk), timezone.now()
    try:
        if "off" in request.POST:
            tag = _tag(request.POST["off"])
            tags.take_off(conversation=found, tag=tag, by=request.person, role=request.role, now=now)
        else:
            for name in tags.names_in(request.POST.get("tags", "")) or [""]:
                tags.put_on(conversation=found, name=name, by=request.person, role=request.role, now=now)
    except Refusal as refusal:
        return panes.draw(request, panes.get(pk), refusal=refusal)
    return panes.after(request, found.pk)


def _tag(key: str) -> Tag:
    found = Tag.objects.filter(pk=key).first() if key.isascii() and key.isdecimal() and len(key) < 19 else None
    if found is None:
        raise NotNow("There is no such tag. Open the conversation again.")
    return found
