from inbox.views.answering import elsewhere, elsewhere_back, may_answer, outcome
from inbox.views.approvals import approvals, approvals_count, approve, send_back
from inbox.views.channel import channel, channel_queries, channel_query, channel_settings, desk_alarms
from inbox.views.coaching import advice, canned_for
from inbox.views.conversation import assignment, close, conversation, notes_of, tags_of
from inbox.views.costs import agency_costs, automation, budget, costs_page, policy
from inbox.views.desk import desk, desk_presence, desk_rows
from inbox.views.errands import errand_done, errand_retry, errands_of
from inbox.views.files import file, file_removal, files_of, parts_of
from inbox.views.inbox import inbox, live_since, rows
from inbox.views.media import media
from inbox.views.playbook import (
    canned,
    canned_response,
    canned_retirement,
    canned_weight,
    playbook,
    playbook_trial,
)
from inbox.views.replies import discard, draft, posted, replies_of, retry, undo
from inbox.views.settings import settings, settings_dispositions, settings_replies, settings_rule, settings_tags
from inbox.views.twitter import (
    twitter,
    twitter_callback,
    twitter_connect,
    twitter_disconnect,
    twitter_return,
    twitter_subscriptions,
)
from inbox.views.webhooks_out import (
    webhook,
    webhook_delivery,
    webhook_pause,
    webhook_removal,
    webhook_replay,
    webhook_secret,
    webhook_test,
    webhooks,
)

__all__ = [
    "agency_costs",
    "automation",
    "budget",
    "costs_page",
    "elsewhere",
    "elsewhere_back",
    "may_answer",
    "outcome",
    "policy",
    "advice",
    "canned",
    "canned_for",
    "canned_response",
    "canned_retirement",
    "canned_weight",
    "playbook",
    "playbook_trial",
    "approvals",
    "approvals_count",
    "approve",
    "assignment",
    "channel",
    "channel_queries",
    "channel_query",
    "channel_settings",
    "close",
    "conversation",
    "desk",
    "desk_presence",
    "desk_alarms",
    "desk_rows",
    "discard",
    "errand_done",
    "errand_retry",
    "errands_of",
    "file",
    "file_removal",
    "files_of",
    "parts_of",
    "draft",
    "inbox",
    "live_since",
    "media",
    "notes_of",
    "posted",
    "replies_of",
    "retry",
    "rows",
    "send_back",
    "settings",
    "settings_dispositions",
    "settings_replies",
    "settings_rule",
    "settings_tags",
    "tags_of",
    "undo",
    "twitter",
    "twitter_callback",
    "twitter_connect",
    "twitter_disconnect",
    "twitter_return",
    "twitter_subscriptions",
    "webhook",
    "webhook_delivery",
    "webhook_pause",
    "webhook_removal",
    "webhook_replay",
    "webhook_secret",
    "webhook_test",
    "webhooks",
]
