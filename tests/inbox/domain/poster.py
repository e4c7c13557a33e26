"""A poster in a process of its own, to be killed in the middle of its work.

Reads one order a line (a brand's schema and where its Twitter is), does each in a process of its own and says its id.
"""

import json
import os
import signal
import sys

import django
import httpx

django.setup()

from django.utils import timezone  # noqa: E402

from inbox.domain import credentials, posting  # noqa: E402
from inbox.twitter.client import Twitter  # noqa: E402
from tenants import entry  # noqa: E402


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried at once
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            post(schema=order["schema"], url=order["url"])
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def post(*, schema: str, url: str) -> None:
    def connect(handle_id: int) -> Twitter:
        return Twitter(base_url=url, credentials=credentials.opened(handle_id), timeout=httpx.Timeout(30))

    with entry.brand(entry.brand_named(schema)):
        posting.post_waiting(connect=connect, clock=timezone.now)


if __name__ == "__main__":
    main()
