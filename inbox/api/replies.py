"""Replies: read, written, approved, sent back. The brand's rule says who needs a second person."""

from collections.abc import Iterable
from typing import Any

from django.http import Http404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from accounts.api.described import reads, writes
from accounts.api.etags import check_unchanged
from accounts.api.paging import in_pages, page_by_key
from accounts.api.views import ProgramView, checked_id
from accounts.enums import Scope
from accounts.queries import Person
from inbox import queries, tasks
from inbox.api import examples
from inbox.api.writing import conversation_named, done_once
from inbox.domain import handoffs, replies
from inbox.models import Reply
from inbox.serializers import (
    ApprovalSentSerializer,
    RepliesAskedSerializer,
    ReplySentSerializer,
    ReplySerializer,
    ReturnSentSerializer,
)

_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the reply that you read: decide about that one, and not about what it became since (412).",
)


class RepliesView(ProgramView):
    @reads(
        "listReplies",
        Scope.REPLIES_READ,
        "Replies",
        "What was written and may be seen, the newest first.",
        in_pages(ReplySerializer),
        asked=RepliesAskedSerializer,
        example=examples.page(examples.REPLY),
        tag="Replies",
    )
    def get(self, request: Any) -> Response:
        asked = self.asked(RepliesAskedSerializer)
        found = queries.replies_visible_to(request.role, user_id=request.person.pk)
        if "conversation" in asked:
            found = found.filter(conversation=asked["conversation"])
        if "status" in asked:
            found = found.filter(status=asked["status"])
        page = page_by_key(found, request, asked, newest_first=True)
        names = _names(self, page.rows)
        return Response(page.drawn([_drawn(reply, names) for reply in page.rows]))

    @writes(
        "writeReply",
        Scope.REPLIES_WRITE,
        "Write a reply",
        "Answers a tweet of a conversation. It goes out (`approved`, and can be taken back for some seconds), or waits "
        "for a second person (`submitted`), as the brand's rule has it for the person who made the key. With "
        "`in_parts` a long one goes out as several tweets: the answer is the first, each other names the one before.",
        given=ReplySentSerializer,
        answer=ReplySerializer,
        sent=examples.REPLY_SENT,
        example=examples.REPLY,
        tag="Replies",
    )
    def post(self, request: Any) -> Response:
        given = self.given(ReplySentSerializer)
        conversation, names = conversation_named(given["conversation_id"]), self.names_of([request.person.pk])

        def act() -> tuple[int, Any]:
            reply = replies.compose(
                conversation=conversation,
                text=given["text"],
                answers_id=given["answers_id"],
                by=request.person,
                role=request.role,
                now=timezone.now(),
                way=given.get("way") or replies.way_to(given["answers_id"]),
                invites_private=given["invites_private"],
                in_parts=given["in_parts"],
            )
            return 201, _drawn(reply, names)

        answer = done_once(self, act)
        _post_soon(answer)
        return answer


class ReplyView(ProgramView):
    @reads(
        "readReply",
        Scope.REPLIES_READ,
        "A reply",
        "One reply, and how far it has come.",
        ReplySerializer,
        example=examples.REPLY,
        tag="Replies",
    )
    def get(self, request: Any, pk: int) -> Response:
        reply = _visible(request, pk)
        return Response(_drawn(reply, _names(self, [reply])))


class ApprovalView(ProgramView):
    @writes(
        "approveReply",
        Scope.REPLIES_APPROVE,
        "Approve a reply",
        "Lets a submitted reply go out; with `text`, changed so. Nobody approves what they wrote themselves.",
        given=ApprovalSentSerializer,
        answer=ReplySerializer,
        sent={},
        example=examples.APPROVED,
        more=[412],
        parameters=[_IF_MATCH],
        tag="Replies",
    )
    def post(self, request: Any, pk: int) -> Response:
        reply, given = _visible(request, pk), self.given(ApprovalSentSerializer)
        names = _names(self, [reply], request.person.pk)

        def act() -> tuple[int, Any]:
            check_unchanged(request, _drawn(_held(reply), names))
            approved = handoffs.approve(
                reply=reply, by=request.person, role=request.role, now=timezone.now(), text=given.get("text")
            )
            return 201, _drawn(approved, names)

        answer = done_once(self, act)
        _post_soon(answer)
        return answer


class ReturnView(ProgramView):
    @writes(
        "sendReplyBack",
        Scope.REPLIES_APPROVE,
        "Send a reply back",
        "Gives a submitted reply back to its author, who reads why.",
        given=ReturnSentSerializer,
        answer=ReplySerializer,
        sent={"why": "Say which number."},
        example=examples.SENT_BACK,
        more=[412],
        parameters=[_IF_MATCH],
        tag="Replies",
    )
    def post(self, request: Any, pk: int) -> Response:
        reply, given = _visible(request, pk), self.given(ReturnSentSerializer)
        names = _names(self, [reply], request.person.pk)

        def act() -> tuple[int, Any]:
            check_unchanged(request, _drawn(_held(reply), names))
            sent_back = replies.send_back(
                reply=reply, by=request.person, role=request.role, why=given["why"], now=timezone.now()
            )
            return 201, _drawn(sent_back, names)

        return done_once(self, act)


def _post_soon(answer: Response) -> None:
    """A reply is posted when it can be taken back no more."""
    tasks.post_soon(parse_datetime(answer.data["undo_until"] or ""))


def _visible(request: Any, pk: int) -> Reply:
    visible = queries.replies_visible_to(request.role, user_id=request.person.pk)
    reply = visible.filter(pk=checked_id(pk)).first()
    if reply is None:
        raise Http404
    return reply


def _held(reply: Reply) -> Reply:
    """The reply as it is now, and stays until it is decided about."""
    return Reply.objects.select_for_update().get(pk=reply.pk)


def _names(view: ProgramView, found: Iterable[Reply], *more: int) -> dict[int, Person]:
    return view.names_of(
        [pk for r in found for pk in (r.author_id, r.approved_by_id, r.sent_back_by_id, r.changed_by_id)] + [*more]
    )


def _drawn(reply: Reply, names: dict[int, Person]) -> Any:
    return ReplySerializer(reply, context={"names": names}).data
