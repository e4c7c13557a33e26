"""The coach beside the composer: the nine lights, canned responses, the preview. Playbooks are handed plain values."""

import re
from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from inbox import queries
from inbox.models import Conversation
from inbox.twitter import text as twitter_text
from inbox.views import cards, timeline
from playbooks import queries as playbooks
from playbooks.domain import canned, coaching
from playbooks.domain.coaching import Context, Light
from playbooks.domain.drafts import Word
from tenants.badges import Badge

UPSET = -0.3
LONGEST_DRAFT = 25_000  # as much as the composer takes
READ_BY_THE_COACH = 2_000
LONGEST_LINK_SHOWN = 26


@require_POST
def advice(request: Any, pk: int) -> HttpResponse:
    """What the coach says of a draft, how much it weighs, and how it will look on Twitter."""
    found, text = _get(pk), request.POST.get("text", "")[:LONGEST_DRAFT]
    language = language_of(found)
    lights = coaching.advise(text[:READ_BY_THE_COACH], language=language, context=_context(request, found, language))
    goes_out = canned.plain(text).strip()
    return JsonResponse(
        {
            **lights_as_values(lights, text),
            "weight": twitter_text.weighted_length(goes_out),
            "preview": preview(goes_out, badge=request.badge, replies_to=found.customer.username),
        }
    )


@require_GET
def canned_for(request: Any, pk: int) -> HttpResponse:
    """The canned responses for a conversation, what is known filled in; those in its language first."""
    found = _get(pk)
    language, known = language_of(found), _known(request, found)
    rows = sorted(playbooks.canned_responses(), key=lambda row: row.language != language)
    listed = [
        {"pk": row.pk, "name": row.name, "language": row.language, "text": canned.fill(row.text, known)} for row in rows
    ]
    return JsonResponse({"canned": listed, "language": language})


def language_of(conversation: Conversation) -> str:
    """The language in which the coach reads drafts of this conversation."""
    return conversation.language if conversation.language not in ("", "und") else "en"


def lights_as_values(lights: Iterable[Light], text: str) -> dict[str, Any]:
    """Lights for a page's script: places are counted as scripts count, and one sentence sums them up."""
    lights = list(lights)
    lit = [light.step.label for light in lights if light.is_lit]
    return {
        "lights": [
            {
                "step": light.step.value,
                "label": light.step.label,
                "state": "lit" if light.is_lit else "unlit" if light.is_known else "unknown",
                "sentence": light.sentence,
                "words": [_place(word, text) for word in light.words],
            }
            for light in lights
        ],
        "summary": f"{len(lit)} of {len(lights)} steps lit: {', '.join(lit)}." if lit else "No step is lit yet.",
    }


def preview(text: str, *, badge: Badge, replies_to: str) -> str:
    """The tweet as Twitter will show it."""
    shown, is_cut = _cut(text)
    return render_to_string(
        "playbooks/preview.html",
        {
            "brand": badge,
            "replies_to": replies_to,
            "pieces": [{**piece, "text": _shown(piece)} for piece in timeline.parts(shown)],
            "is_cut": is_cut,
        },
    )


def _context(request: Any, conversation: Conversation, language: str) -> Context:
    now, guidance = timezone.now(), playbooks.guidance()
    answered = queries.last_answer(conversation)
    promise = coaching.promise_in(answered.text, language=language) if answered else ""
    return Context(
        seconds_left=(conversation.respond_by - now).total_seconds() if conversation.respond_by else None,
        is_first_answer=answered is None,
        is_upset=(conversation.polarity or 0) <= UPSET,
        open_promises=(promise,) if promise else (),
        names=[name for name in (_first_name_of(conversation), first_name(request.person.name)) if name],
        **guided(guidance),
    )


def guided(guidance: dict[str, Any]) -> dict[str, Any]:
    """What the brand's playbook adds to what everybody's coach knows."""
    return {
        "sentences": {step: row.sentence for step, row in guidance.items()},
        "more_words": {step: tuple(row.more_words) for step, row in guidance.items() if row.more_words},
        "quiet": frozenset(step for step, row in guidance.items() if row.is_quiet),
    }


def first_name(name: str) -> str:
    """The first word of a name, if it is made of letters: what one may be called by."""
    found = re.match(r"\s*([^\W\d_]{2,20}(?:['’-][^\W\d_]{1,20})?)(?=\s|$)", name)
    return found[1] if found else ""


def _known(request: Any, conversation: Conversation) -> dict[str, str]:
    username = f"@{conversation.customer.username}"
    return {
        "name": _first_name_of(conversation) or username,
        "username": username,
        "brand": request.badge.name,
        "handle": f"@{request.badge.handle}",
        "agent": first_name(request.person.name),
    }


def _first_name_of(conversation: Conversation) -> str:
    return first_name(cards.customer_card(conversation.customer)["name"])


def _place(word: Word, text: str) -> dict[str, Any]:
    """Scripts count a sign outside the first plane as two."""
    before = len(text[: word.start].encode("utf-16-le")) // 2
    return {"text": word.text, "start": before, "end": before + len(word.text.encode("utf-16-le")) // 2}


def _cut(text: str) -> tuple[str, bool]:
    """As much of a text as fits a tweet, and whether that is less than all."""
    if twitter_text.weighted_length(text) <= twitter_text.MAX_WEIGHTED_LENGTH:
        return text, False
    low, high = 0, min(len(text), LONGEST_DRAFT)
    while low < high:
        middle = (low + high + 1) // 2
        if twitter_text.weighted_length(text[:middle]) <= twitter_text.MAX_WEIGHTED_LENGTH:
            low = middle
        else:
            high = middle - 1
    return text[:low], True


def _shown(piece: dict[str, str]) -> str:
    """Links stand in tweets without their protocol, and cut."""
    if piece["kind"] != "link":
        return piece["text"]
    bare = re.sub(r"^https?://(?:www\.)?", "", piece["text"], flags=re.IGNORECASE)
    return bare if len(bare) <= LONGEST_LINK_SHOWN else f"{bare[:LONGEST_LINK_SHOWN]}…"


def _get(pk: int) -> Conversation:
    found = queries.conversation_with(pk) if pk < 2**63 else None
    if found is None:
        raise Http404("There is no such conversation in this brand.")
    return found
