from django.urls import path

from inbox import views

app_name = "inbox"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("rows/", views.rows, name="rows"),
    path("conversations/<int:pk>/", views.conversation, name="conversation"),
    path("conversations/<int:pk>/replies/", views.replies_of, name="replies"),
    path("conversations/<int:pk>/assignment/", views.assignment, name="assignment"),
    path("conversations/<int:pk>/close/", views.close, name="close"),
    path("replies/<int:pk>/retry/", views.retry, name="retry"),
    path("replies/<int:pk>/posted/", views.posted, name="posted"),
]
