"""Celery: jobs that a person would name. Tweets are carried by `manage.py carry`, never one task each."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("nightjar")
app.config_from_object(
    {
        "broker_url": settings.REDIS_URL,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "visibility_timeout": 3600,
            "global_keyprefix": f"{settings.DATABASES['default']['NAME']}:",
            # Whoever nudges a broker that is away would wait six seconds otherwise, `retry=False` or not (measured).
            "max_retries": 0,
        },
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_time_limit": 300,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        # Celery closes the database connection after every task otherwise (measured: 2.3 times slower).
        "CELERY_DB_REUSE_MAX": 200,
        "timezone": "UTC",
        # What waits for strangers' servers, or writes a whole brand into a file, has a lane and a worker of its own:
        # posting never stands behind it.
        # What calls Twitter in a brand's name has one of many threads: a brand whose Twitter hangs holds one of them.
        # Asking has its own: while it hangs, replies are posted, and strangers' servers hold up no look at deletions.
        "task_routes": {
            "inbox.tell_webhooks": {"queue": "slow"},
            "inbox.ask_twitter": {"queue": "asking"},
            "inbox.recover": {"queue": "asking"},
            "accounts.end_brands": {"queue": "slow"},
            "inbox.forget_arrivals": {"queue": "slow"},
            "inbox.post_replies": {"queue": "posting"},
            "inbox.find_out": {"queue": "posting"},
        },
        "beat_schedule": {
            "sweep": {"task": "inbox.sweep", "schedule": 10.0, "options": {"expires": 10}},
            "build_brands": {"task": "accounts.build_brands", "schedule": 10.0, "options": {"expires": 10}},
            "end_brands": {"task": "accounts.end_brands", "schedule": 10.0, "options": {"expires": 10}},
            "keep_connected": {"task": "inbox.keep_connected", "schedule": 60.0, "options": {"expires": 60}},
            "keep_subscribed": {"task": "inbox.keep_subscribed", "schedule": 120.0, "options": {"expires": 120}},
            "watch_channel": {"task": "inbox.watch_channel", "schedule": 60.0, "options": {"expires": 60}},
            "sweep_pulses": {"task": "inbox.sweep_pulses", "schedule": 60.0, "options": {"expires": 60}},
            "keep_rules": {"task": "inbox.keep_rules", "schedule": 30.0, "options": {"expires": 30}},
            "sweep_polls": {"task": "inbox.sweep_polls", "schedule": 15.0, "options": {"expires": 15}},
            "sweep_blind_spots": {"task": "inbox.sweep_blind_spots", "schedule": 30.0, "options": {"expires": 30}},
            "share_out": {"task": "inbox.share_out", "schedule": 300.0, "options": {"expires": 300}},
            "sweep_desk": {"task": "inbox.sweep_desk", "schedule": 60.0, "options": {"expires": 60}},
            "sweep_webhooks": {"task": "inbox.sweep_webhooks", "schedule": 10.0, "options": {"expires": 10}},
            "sweep_calls": {"task": "inbox.sweep_calls", "schedule": 3600.0, "options": {"expires": 3600}},
            "sweep_arrivals": {"task": "inbox.sweep_arrivals", "schedule": 600.0, "options": {"expires": 600}},
            "sweep_strays": {"task": "inbox.sweep_strays", "schedule": 3600.0, "options": {"expires": 3600}},
            "sweep_deliveries": {"task": "inbox.sweep_deliveries", "schedule": 3600.0, "options": {"expires": 3600}},
        },
    }
)
app.autodiscover_tasks(["inbox", "accounts"])
