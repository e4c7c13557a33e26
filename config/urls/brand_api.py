"""The API on a brand's host, below /api/v1/. Which key may use what is in `config/rights.py`."""

from django.urls import path

from inbox.api import beside, brand, conversations, replies
from reporting import api as reports

app_name = "api"
urlpatterns = [
    path("brand/", brand.BrandView.as_view(), name="brand"),
    path("conversations/", conversations.ConversationsView.as_view(), name="conversations"),
    path("conversations/<int:pk>/", conversations.ConversationView.as_view(), name="conversation"),
    path("conversations/<int:pk>/messages/", conversations.MessagesView.as_view(), name="messages"),
    path("conversations/<int:pk>/tags/", beside.TagsOfConversationView.as_view(), name="conversation-tags"),
    path("conversations/<int:pk>/tags/<int:tag_id>/", beside.TagOfConversationView.as_view(), name="conversation-tag"),
    path("messages/<int:pk>/", conversations.MessageView.as_view(), name="message"),
    path("customers/", conversations.CustomersView.as_view(), name="customers"),
    path("customers/<int:pk>/", conversations.CustomerView.as_view(), name="customer"),
    path("replies/", replies.RepliesView.as_view(), name="replies"),
    path("replies/<int:pk>/", replies.ReplyView.as_view(), name="reply"),
    path("replies/<int:pk>/approval/", replies.ApprovalView.as_view(), name="approval"),
    path("replies/<int:pk>/return/", replies.ReturnView.as_view(), name="return"),
    path("notes/", beside.NotesView.as_view(), name="notes"),
    path("tags/", beside.TagsView.as_view(), name="tags"),
    path("events/", brand.EventsView.as_view(), name="events"),
    path("reports/first-response/", reports.FirstResponseView.as_view(), name="first-response"),
]
