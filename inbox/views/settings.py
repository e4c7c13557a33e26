"""A brand's settings about replies: the rule of approval, dispositions, tags. Runs inside the brand."""

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.enums import Right, may
from inbox import queries
from inbox.domain import rules, tags
from inbox.forms import RuleForm
from inbox.models import Tag
from tenants.refusals import NotNow, Refusal


@require_GET
def settings(request: Any) -> HttpResponse:
    """The settings begin with the first tab, which everybody may open who comes here."""
    return HttpResponseRedirect(f"{request.badge.url}settings/replies/")


@require_GET
def settings_replies(request: Any) -> HttpResponse:
    """Whose replies need a second person, how conversations end, and by which words they are found again."""
    return _draw(request)


@require_POST
def settings_rule(request: Any) -> HttpResponse:
    """Change the rule of approval."""
    form = RuleForm(request.POST)
    try:
        if not form.is_valid():
            raise NotNow(form.sentence())
        rules.change(**form.cleaned_data, by=request.person, role=request.role, now=timezone.now())
    except Refusal as refusal:
        return _draw(request, refusal=refusal)
    return _again(request)


@require_POST
def settings_dispositions(request: Any) -> HttpResponse:
    """Add a disposition, change one (`key`), or retire one (`retire`)."""
    asked = request.POST
    try:
        if "retire" in asked:
            rules.retire_disposition(key=asked["retire"], role=request.role, now=timezone.now())
        elif "key" in asked:
            rules.change_disposition(
                key=asked["key"], name=asked.get("name", ""), resolves="resolves" in asked, role=request.role
            )
        else:
            rules.add_disposition(name=asked.get("name", ""), resolves="resolves" in asked, role=request.role)
    except Refusal as refusal:
        return _draw(request, refusal=refusal)
    return _again(request)


@require_POST
def settings_tags(request: Any) -> HttpResponse:
    """Add a tag, retire one (`retire`), or bring one back (`back`)."""
    asked = request.POST
    try:
        if "retire" in asked:
            tags.retire(tag=_tag(asked["retire"]), role=request.role, now=timezone.now())
        elif "back" in asked:
            tags.bring_back(tag=_tag(asked["back"]), role=request.role)
        else:
            tags.add(name=asked.get("name", ""), role=request.role)
    except Refusal as refusal:
        return _draw(request, refusal=refusal)
    return _again(request)


def _draw(request: Any, *, refusal: Refusal | None = None) -> HttpResponse:
    status = refusal.status if refusal else 200
    request.refusal = str(refusal) if refusal else None
    known = queries.dispositions()
    context = {
        "tab": "replies",
        "rule": rules.current(),
        "may_set_up": may(request.role, Right.SET_UP),
        "dispositions": [each for each in known if each.retired_at is None],
        "retired_dispositions": [each for each in known if each.retired_at],
        "tags": list(queries.tags(retired=True)),
        "root": f"{request.badge.url}settings/replies/",
    }
    return render(request, "inbox/settings_replies.html", context, status=status)


def _again(request: Any) -> HttpResponse:
    return HttpResponseRedirect(f"{request.badge.url}settings/replies/")


def _tag(key: str) -> Tag:
    found = Tag.objects.filter(pk=key).first() if key.isascii() and key.isdecimal() and len(key) < 19 else None
    if found is None:
        raise NotNow("There is no such tag. Open the page again.")
    return found
