"""Settings of a brand about how it answers: its canned responses, and what its playbook says. Runs inside the brand."""

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from inbox.twitter.text import MAX_WEIGHTED_LENGTH, weighted_length
from inbox.views import coaching as coach
from playbooks import queries
from playbooks.domain import canned as canned_responses
from playbooks.domain import coaching, guidance
from playbooks.domain.coaching import Context
from playbooks.enums import Step
from playbooks.models import CannedResponse
from tenants.refusals import NotNow, Refusal

LANGUAGES = {
    "en": "English",
    "es": "Spanish",
    "pt": "Portuguese",
    "fr": "French",
    "de": "German",
    "it": "Italian",
    "nl": "Dutch",
    "ja": "Japanese",
}


@require_http_methods(["GET", "POST"])
def canned(request: Any) -> HttpResponse:
    """The brand's canned responses, and one more."""
    if request.method == "GET":
        return _draw_canned(request)
    try:
        canned_responses.add(**_written(request), now=timezone.now())
    except Refusal as refusal:
        return _draw_canned(request, refusal=refusal, given=_written(request))
    return HttpResponseRedirect(f"{request.badge.url}settings/canned/")


@require_http_methods(["GET", "POST"])
def canned_response(request: Any, pk: int) -> HttpResponse:
    """One canned response, changed."""
    found = _get(pk)
    if request.method == "GET":
        return _draw_canned(request, found=found)
    try:
        canned_responses.change(canned=found, **_written(request), now=timezone.now())
    except Refusal as refusal:
        return _draw_canned(request, refusal=refusal, found=found, given=_written(request))
    return HttpResponseRedirect(f"{request.badge.url}settings/canned/")


@require_POST
def canned_retirement(request: Any, pk: int) -> HttpResponse:
    """A canned response leaves the list."""
    canned_responses.retire(canned=_get(pk), now=timezone.now())
    return HttpResponseRedirect(f"{request.badge.url}settings/canned/")


@require_POST
def canned_weight(request: Any) -> HttpResponse:
    """How much a canned response weighs as it is being written, and which blanks it has."""
    text = request.POST.get("text", "")[: coach.LONGEST_DRAFT]
    try:
        canned_responses.check_well_formed(text)
    except NotNow as refusal:
        return JsonResponse({**_weighed(text), "sentence": str(refusal), "state": "over"})
    return JsonResponse(_weighed(text))


@require_http_methods(["GET", "POST"])
def playbook(request: Any) -> HttpResponse:
    """What the playbook says about each step; one of them, changed."""
    if request.method == "GET":
        return _draw_playbook(request)
    step, given = request.POST.get("step", ""), _said(request)
    try:
        if not guidance.is_step(step):
            raise NotNow("There is no such step. Load the page again.")
        guidance.change(
            step=step,
            sentence=given["sentence"],
            more_words=guidance.words_from(given["more_words"]),
            is_quiet=given["is_quiet"],
        )
    except Refusal as refusal:
        return _draw_playbook(request, refusal=refusal, step=step, given=given)
    return HttpResponseRedirect(f"{request.badge.url}settings/playbook/#step-{step}")


@require_POST
def playbook_trial(request: Any) -> HttpResponse:
    """The lights for a text that somebody tries, with the brand's own guidance."""
    text = request.POST.get("text", "")[: coach.READ_BY_THE_COACH]
    language = request.POST.get("language", "en")
    context = Context(names=[coach.first_name(request.person.name)], **coach.guided(queries.guidance()))
    return JsonResponse(coach.lights_as_values(coaching.advise(text, language=language[:8], context=context), text))


def _draw_canned(
    request: Any,
    *,
    refusal: Refusal | None = None,
    found: CannedResponse | None = None,
    given: dict[str, str] | None = None,
) -> HttpResponse:
    request.refusal = str(refusal) if refusal else None
    written = given or {key: getattr(found, key, "") for key in ("name", "text", "language")}
    rows = [
        {"canned": row, "language": LANGUAGES.get(row.language, row.language), **_weighed(row.text)}
        for row in queries.canned_responses()
    ]
    context = {
        "tab": "canned",
        "rows": rows,
        "changed": found,
        "written": written,
        "languages": LANGUAGES.items(),
        "filled_by_themselves": canned_responses.FILLED_BY_THEMSELVES.items(),
    }
    return render(request, "playbooks/settings_canned.html", context, status=409 if refusal else 200)


def _draw_playbook(
    request: Any, *, refusal: Refusal | None = None, step: str = "", given: dict[str, Any] | None = None
) -> HttpResponse:
    request.refusal = str(refusal) if refusal else None
    steps = [
        {
            "step": row.step,
            "label": Step(row.step).label,
            "sentence": row.sentence,
            "more_words": ", ".join(row.more_words),
            "is_quiet": row.is_quiet,
            **(given if given and row.step == step else {}),
        }
        for row in queries.guidance().values()
    ]
    context = {"tab": "playbook", "steps": steps, "languages": LANGUAGES.items()}
    return render(request, "playbooks/settings_playbook.html", context, status=409 if refusal else 200)


def _weighed(text: str) -> dict[str, Any]:
    """What is sure to be in the tweet: blanks count nothing, since nobody knows yet what they will hold."""
    blanks = canned_responses.blanks_in(text)
    bare = canned_responses.plain(canned_responses.without_blanks(text)).strip()
    weight = weighted_length(bare)
    left, room = MAX_WEIGHTED_LENGTH - weight, f" for {len(blanks)} blank{'s' * (len(blanks) > 1)}" * bool(blanks)
    if left < 0:
        state, sentence = "over", f"{-left} too long for a tweet, whatever the blanks hold."
    elif blanks and left < len(blanks) * 12:
        state, sentence = "near", f"{left} left{room}: that may not fit."
    else:
        state, sentence = "fine", f"{left} left{room}."
    return {"weight": weight, "state": state, "sentence": sentence, "blanks": blanks}


def _written(request: Any) -> dict[str, str]:
    return {key: request.POST.get(key, "") for key in ("name", "text", "language")}


def _said(request: Any) -> dict[str, Any]:
    return {
        "sentence": request.POST.get("sentence", ""),
        "more_words": request.POST.get("more_words", ""),
        "is_quiet": "is_quiet" in request.POST,
    }


def _get(pk: int) -> CannedResponse:
    found = queries.canned_response_with(pk) if pk < 2**63 else None
    if found is None:
        raise Http404("There is no such canned response in this brand.")
    return found
