"""How our one app at Twitter stands: what holds now, since when, in Twitter's own words. To be read, not changed."""

from accounts.admin.base import HouseAdmin
from accounts.enums import Right


class AppStateAdmin(HouseAdmin):
    right = Right.OPERATE
    can_be_added = False
    can_be_changed = False
    introduction = "What holds at Twitter for all brands together: credits, incidents, the webhook, the stream."
    list_display = ("name", "since", "until", "why")
    list_display_links = None
    ordering = ("name",)
