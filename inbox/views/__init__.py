from inbox.views.approvals import approvals, approvals_count, approve, send_back
from inbox.views.coaching import advice, canned_for
from inbox.views.conversation import assignment, close, conversation, notes_of, tags_of
from inbox.views.desk import desk, desk_rows
from inbox.views.inbox import inbox, live_since, rows
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
    "close",
    "conversation",
    "desk",
    "desk_rows",
    "discard",
    "draft",
    "inbox",
    "live_since",
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
