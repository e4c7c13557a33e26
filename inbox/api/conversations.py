"""Conversations, their messages and their customers, to be read."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from rest_framework.response import Response

from accounts.api.described import reads
from accounts.api.paging import Place, in_pages, page_by_key, page_of, place_in
from accounts.api.views import ProgramView, checked_id
from accounts.enums import Scope
from accounts.serializers import PageAskedSerializer
from inbox import queries
from inbox.api import examples
from inbox.api.writing import conversation_at
from inbox.models import Conversation, Customer, Message, Tagging
from inbox.serializers import (
    ConversationsAskedSerializer,
    ConversationSerializer,
    CustomerSerializer,
    MessageSerializer,
)

_BY_LAST_MESSAGE = ("open", "closed")


class ConversationsView(ProgramView):
    @reads(
        "listConversations",
        Scope.CONVERSATIONS_READ,
        "Conversations",
        "One of the brand's lists, in the order in which the inbox shows it.",
        in_pages(ConversationSerializer),
        asked=ConversationsAskedSerializer,
        example=examples.page(examples.CONVERSATION),
        tag="Conversations",
    )
    def get(self, request: Any) -> Response:
        asked = self.asked(ConversationsAskedSerializer)
        name, place = asked["list"], place_in(asked)
        found = _narrowed(queries.conversations_in(name, user_id=request.person.pk), asked)
        if place:
            found = queries.after(found, name, (place.at, place.pk))
        page = page_of(_with_tags(found), request, limit=asked["limit"], place_of=lambda row: _place_of(row, name))
        return Response(page.drawn(_drawn(self, page.rows)))


class ConversationView(ProgramView):
    @reads(
        "readConversation",
        Scope.CONVERSATIONS_READ,
        "A conversation",
        "One conversation with its customer and its tags.",
        ConversationSerializer,
        example=examples.CONVERSATION,
        tag="Conversations",
    )
    def get(self, request: Any, pk: int) -> Response:
        found = _with_tags(Conversation.objects.select_related("customer").filter(pk=checked_id(pk))).first()
        if found is None:
            raise Http404
        return Response(_drawn(self, [found])[0])


class MessagesView(ProgramView):
    @reads(
        "listMessages",
        Scope.CONVERSATIONS_READ,
        "A conversation's messages",
        "All tweets of a conversation, the oldest first.",
        in_pages(MessageSerializer),
        asked=PageAskedSerializer,
        example=examples.page(examples.MESSAGE),
        tag="Conversations",
    )
    def get(self, request: Any, pk: int) -> Response:
        asked = self.asked(PageAskedSerializer)
        page = page_by_key(Message.objects.filter(conversation=conversation_at(pk)), request, asked)
        return Response(page.drawn(MessageSerializer(page.rows, many=True).data))


class MessageView(ProgramView):
    @reads(
        "readMessage",
        Scope.CONVERSATIONS_READ,
        "A message",
        "One tweet, by its id on Twitter.",
        MessageSerializer,
        example=examples.MESSAGE,
        tag="Conversations",
    )
    def get(self, request: Any, pk: int) -> Response:
        return Response(MessageSerializer(_one(Message.objects.filter(pk=checked_id(pk)))).data)


class CustomersView(ProgramView):
    @reads(
        "listCustomers",
        Scope.CONVERSATIONS_READ,
        "Customers",
        "Everybody who ever wrote to the brand, by id.",
        in_pages(CustomerSerializer),
        asked=PageAskedSerializer,
        example=examples.page(examples.CUSTOMER),
        tag="Customers",
    )
    def get(self, request: Any) -> Response:
        page = page_by_key(Customer.objects.all(), request, self.asked(PageAskedSerializer))
        return Response(page.drawn(CustomerSerializer(page.rows, many=True).data))


class CustomerView(ProgramView):
    @reads(
        "readCustomer",
        Scope.CONVERSATIONS_READ,
        "A customer",
        "One customer, by their id on Twitter.",
        CustomerSerializer,
        example=examples.CUSTOMER,
        tag="Customers",
    )
    def get(self, request: Any, pk: int) -> Response:
        return Response(CustomerSerializer(_one(Customer.objects.filter(pk=checked_id(pk)))).data)


def _narrowed(found: QuerySet[Conversation], asked: dict[str, Any]) -> QuerySet[Conversation]:
    if "assignee" in asked:
        found = found.filter(assignee=asked["assignee"])
    if "since" in asked:
        found = found.filter(last_message_at__gte=asked["since"])
    if "tag" in asked:
        found = found.filter(pk__in=Tagging.objects.filter(tag__name__iexact=asked["tag"]).values("conversation"))
    return found


def _with_tags(found: QuerySet[Conversation]) -> QuerySet[Conversation]:
    tags = Tagging.objects.select_related("tag").order_by("tag__name", "pk")
    return found.prefetch_related(Prefetch("taggings", queryset=tags))


def _place_of(row: Conversation, name: str) -> Place:
    return Place(row.last_message_at if name in _BY_LAST_MESSAGE else row.respond_by, row.pk)


def _drawn(view: ProgramView, rows: list[Conversation]) -> Any:
    names = view.names_of(pk for row in rows for pk in (row.assignee_id, row.closed_by_id))
    return ConversationSerializer(rows, many=True, context={"names": names}).data


def _one(found: QuerySet[Any]) -> Any:
    row = found.first()
    if row is None:
        raise Http404
    return row
