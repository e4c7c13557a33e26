"""Twitter, as far as the measurements need one: signed events posted to the one public port, one at a time."""

import http.client
import time
from types import TracebackType
from typing import Self

from django.conf import settings

from inbox.twitter.signature import sign


class Webhook:
    """One connection that is kept open, as Twitter keeps its own."""

    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", settings.PORT, timeout=30)
        self._host = f"{settings.BASE_DOMAIN}:{settings.PORT}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def post(self, body: bytes) -> float:
        """Deliver one event and wait for the answer, which means stored; when it came, by the monotonic clock."""
        headers = {
            "Host": self._host,
            "Content-Type": "application/json",
            "x-twitter-webhooks-signature": sign(body, secret=settings.TWITTER_CONSUMER_SECRET),
        }
        self._connection.request("POST", "/twitter/webhook", body=body, headers=headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"The webhook answered {answer.status}: {content.decode()}")
        return time.monotonic()
