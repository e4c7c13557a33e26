"""How our one app at Twitter stands: what holds now, since when, in Twitter's own words. To be read, not changed."""

from django.contrib import admin

from accounts.admin.base import HouseAdmin
from accounts.enums import Right
from tenants.models import AppState

_SAID = {
    "credits": "Credits are used up",
    "incident": "Incident at Twitter",
    "webhook": "The webhook is not valid",
    "stream": "The stream is lost",
    "door": "Our own door does not answer",
    "awake": "Looked after the app last",
    "refusals": "Refusals counted since",
    "webhook_seen": "The webhook was valid last",
    "stream_heard": "The stream was heard last",
}


class AppStateAdmin(HouseAdmin):
    right = Right.OPERATE
    can_be_added = False
    can_be_changed = False
    introduction = "What holds at Twitter for all brands together: credits, incidents, the webhook, the stream."
    list_display = ("what", "since", "until", "why")
    list_display_links = None
    ordering = ("name",)

    @admin.display(description="What", ordering="name")
    def what(self, row: AppState) -> str:
        """In words; under its name where it has none yet."""
        return _SAID.get(row.name, row.name)
