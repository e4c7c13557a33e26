"""How an endpoint writes: one call of the domain, done once under its name, then a nudge, then the answer."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from django.http import Http404
from django.utils import timezone
from rest_framework.response import Response

from accounts.api.problems import Problem, not_understood
from accounts.api.views import ProgramView, plain
from inbox import queries
from inbox.domain import calls
from inbox.domain.calls import Answer, Call
from inbox.models import Conversation


def done_once(view: ProgramView, act: Callable[[], tuple[int, Any]]) -> Response:
    """Carry out a write and answer with its status and body; one that was done before under its name is only told."""

    def answered() -> Answer:
        status, body = act()
        return Answer(status, plain(body) if body is not None else None)

    try:
        answer = calls.once(answered, call=_call_of(view.request), now=timezone.now())
    except calls.UnderWay as refusal:
        raise Problem(409, "under-way", str(refusal), headers={"Retry-After": "1"}) from refusal
    except calls.AnotherCall as refusal:
        raise not_understood([{"header": "Idempotency-Key", "detail": str(refusal)}]) from refusal
    headers = {"Idempotency-Replayed": "true"} if answer.is_replayed else {}
    return Response(answer.body, status=answer.status, headers=headers)


def conversation_named(pk: int) -> Conversation:
    """The conversation that a body names; raises a problem where there is none."""
    found = queries.conversation_with(pk) if pk < 2**63 else None
    if found is None:
        raise Problem(409, "not-now", "There is no such conversation in this brand. Look it up in conversations/.")
    return found


def conversation_at(pk: int) -> Conversation:
    """The conversation of an address."""
    found = queries.conversation_with(pk) if 0 < pk < 2**63 else None
    if found is None:
        raise Http404
    return found


def _call_of(request: Any) -> Call | None:
    name = request.headers.get("Idempotency-Key")
    if name is None:
        return None
    if not re.fullmatch(r"[!-~]{1,255}", name):
        why = "Name a write with 1 to 255 visible ASCII characters; a UUID is best."
        raise not_understood([{"header": "Idempotency-Key", "detail": why}])
    said = f"{request.method} {request.get_full_path()}\n".encode() + request._request.body
    return Call(request.key.pk, name, hashlib.sha256(said).hexdigest())
