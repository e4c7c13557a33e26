"""What is kept beside a conversation: notes and tags."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from rest_framework.response import Response

from accounts.api.described import reads, writes
from accounts.api.paging import in_pages, page_by_key
from accounts.api.views import ProgramView, checked_id
from accounts.enums import Scope
from accounts.serializers import PageAskedSerializer
from inbox.api import examples
from inbox.api.writing import conversation_at, conversation_named, done_once
from inbox.domain import notes, tags
from inbox.models import Note, Tag, Tagging
from inbox.serializers import (
    NotesAskedSerializer,
    NoteSentSerializer,
    NoteSerializer,
    TaggingSerializer,
    TagSentSerializer,
    TagSerializer,
)


class NotesView(ProgramView):
    @reads(
        "listNotes",
        Scope.NOTES_READ,
        "Notes",
        "What colleagues noted, the newest first. Clients' people never see them.",
        in_pages(NoteSerializer),
        asked=NotesAskedSerializer,
        example=examples.page(examples.NOTE),
        tag="Notes and tags",
    )
    def get(self, request: Any) -> Response:
        asked = self.asked(NotesAskedSerializer)
        found = Note.objects.all()
        if "conversation" in asked:
            found = found.filter(conversation=asked["conversation"])
        page = page_by_key(found, request, asked, newest_first=True)
        names = self.names_of(note.noted_by_id for note in page.rows)
        return Response(page.drawn(NoteSerializer(page.rows, many=True, context={"names": names}).data))

    @writes(
        "writeNote",
        Scope.NOTES_WRITE,
        "Write a note",
        "Keeps a note beside a conversation, open or closed.",
        given=NoteSentSerializer,
        answer=NoteSerializer,
        sent=examples.NOTE_SENT,
        example=examples.NOTE,
        tag="Notes and tags",
    )
    def post(self, request: Any) -> Response:
        given = self.given(NoteSentSerializer)
        conversation, names = conversation_named(given["conversation_id"]), self.names_of([request.person.pk])

        def act() -> tuple[int, Any]:
            note = notes.write(
                conversation=conversation,
                text=given["text"],
                by=request.person,
                role=request.role,
                now=timezone.now(),
            )
            return 201, NoteSerializer(note, context={"names": names}).data

        return done_once(self, act)


class TagsView(ProgramView):
    @reads(
        "listTags",
        Scope.TAGS_READ,
        "The brand's tags",
        "Every tag of the brand, those that are offered no more too.",
        in_pages(TagSerializer),
        asked=PageAskedSerializer,
        example=examples.page(examples.TAG),
        tag="Notes and tags",
    )
    def get(self, request: Any) -> Response:
        page = page_by_key(Tag.objects.all(), request, self.asked(PageAskedSerializer))
        return Response(page.drawn(TagSerializer(page.rows, many=True).data))


class TagsOfConversationView(ProgramView):
    @reads(
        "listTagsOfConversation",
        Scope.TAGS_READ,
        "A conversation's tags",
        "The tags on a conversation, in the order in which they were put there.",
        in_pages(TaggingSerializer),
        asked=PageAskedSerializer,
        example=examples.page(examples.TAGGING),
        tag="Notes and tags",
    )
    def get(self, request: Any, pk: int) -> Response:
        asked = self.asked(PageAskedSerializer)
        found = Tagging.objects.select_related("tag").filter(conversation=conversation_at(pk))
        page = page_by_key(found, request, asked)
        names = self.names_of(tagging.tagged_by_id for tagging in page.rows)
        return Response(page.drawn(TaggingSerializer(page.rows, many=True, context={"names": names}).data))

    @writes(
        "putTagOn",
        Scope.TAGS_WRITE,
        "Put a tag on",
        "Puts a tag on a conversation. One that it has already stays as it is; a new word becomes a tag of the brand.",
        given=TagSentSerializer,
        answer=TaggingSerializer,
        sent={"name": "lost luggage"},
        example=examples.TAGGING,
        tag="Notes and tags",
    )
    def post(self, request: Any, pk: int) -> Response:
        conversation, given = conversation_at(pk), self.given(TagSentSerializer)
        # Whoever put it there before stays the one who did.
        before = Tagging.objects.filter(conversation=conversation, tag__name__iexact=given["name"]).first()
        names = self.names_of([request.person.pk, before.tagged_by_id if before else None])

        def act() -> tuple[int, Any]:
            tag = tags.put_on(
                conversation=conversation,
                name=given["name"],
                by=request.person,
                role=request.role,
                now=timezone.now(),
            )
            tagging = Tagging.objects.select_related("tag").get(conversation=conversation, tag=tag)
            return 201, TaggingSerializer(tagging, context={"names": names}).data

        return done_once(self, act)


class TagOfConversationView(ProgramView):
    @writes(
        "takeTagOff",
        Scope.TAGS_WRITE,
        "Take a tag off",
        "Takes a tag off a conversation. One that it does not have is off already.",
        given=None,
        answer=None,
        status=204,
        tag="Notes and tags",
    )
    def delete(self, request: Any, pk: int, tag_id: int) -> Response:
        conversation = conversation_at(pk)
        tag = Tag.objects.filter(pk=checked_id(tag_id)).first()
        if tag is None:
            raise Http404

        def act() -> tuple[int, Any]:
            tags.take_off(conversation=conversation, tag=tag, by=request.person, role=request.role, now=timezone.now())
            return 204, None

        return done_once(self, act)
