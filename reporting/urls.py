from django.urls import path

from reporting import views

app_name = "reporting"
urlpatterns = [path("first-response/", views.first_response, name="first-response")]
