"""The sandbox as a player sees it: its control surface, over HTTP."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

MANY = 100  # tweets sent at once


class NotThere(RuntimeError):
    """The sandbox does not answer just now."""


@dataclass(frozen=True)
class Said:
    """One tweet or direct message of the ledger, as far as a customer looks at it."""

    id: int
    author_id: int
    text: str
    answers: int | None  # the tweet it answers
    recipient_id: int | None  # of a direct message


class Stage:
    """The sandbox at this address. Raises `NotThere` while it is away."""

    def __init__(self, url: str) -> None:
        timeout = httpx.Timeout(connect=5, read=60, write=60, pool=5)
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def people(self, people: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """These accounts, made where they are missing, in the same order."""
        return list(self._ask("POST", "/sandbox/users", list(people))) if people else []

    def tweets(self, tweets: Sequence[dict[str, Any]]) -> list[str]:
        """Say these, and answer their ids."""
        ids: list[str] = []
        for start in range(0, len(tweets), MANY):
            ids += self._ask("POST", "/sandbox/tweets", {"tweets": list(tweets[start : start + MANY])})["ids"]
        return ids

    def private(self, customer_id: str, brand_id: str, text: str) -> str:
        """A direct message from a customer to a brand; its id, or nothing where the brand takes none."""
        answer = self._ask(
            "POST", "/sandbox/private", {"from": customer_id, "to": brand_id, "text": text}, may_fail=True
        )
        return str(answer.get("id", ""))

    def edit(self, tweet_id: str, text: str) -> str:
        """A new version of a tweet; its id, or nothing when it can no longer be edited."""
        answer = self._ask("POST", f"/sandbox/tweets/{tweet_id}/edits", {"text": text}, may_fail=True)
        return str(answer.get("id", ""))

    def delete(self, tweet_id: str) -> None:
        """The author takes a tweet back; one that is gone stays gone."""
        self._ask("DELETE", f"/sandbox/tweets/{tweet_id}", may_fail=True)

    def ledger(self, after_id: int) -> list[Said]:
        """What was said after this id, tweets and direct messages, in order."""
        said: list[Said] = []
        for kind in ("", "&kind=private"):
            answer = self._request("GET", f"/sandbox/ledger?after_id={after_id}{kind}")
            said += [_said(json.loads(line)) for line in answer.text.splitlines() if line]
        return sorted({one.id: one for one in said}.values(), key=lambda one: one.id)

    def _ask(self, method: str, path: str, body: Any = None, *, may_fail: bool = False) -> Any:
        answer = self._request(method, path, body)
        if answer.status_code >= 500:
            raise NotThere(f"The sandbox answered {answer.status_code}.")
        if answer.status_code >= 400 and not may_fail:
            raise ValueError(f"The sandbox refused {method} {path}: {answer.text[:300]}")
        return answer.json() if answer.status_code < 400 else {}

    def _request(self, method: str, path: str, body: Any = None) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise NotThere(f"The sandbox could not be reached ({type(error).__name__}).") from error


def _said(line: dict[str, Any]) -> Said:
    answers, author = line.get("in_reply_to_tweet_id"), str(line.get("author_id") or line.get("sender_id"))
    # The conversation of two is named after both.
    two = str(line.get("conversation_id")).split("-")
    recipient = next((one for one in two if one != author), None) if len(two) == 2 else None
    return Said(
        id=int(line["id"]),
        author_id=int(author),
        text=str(line["text"]),
        answers=int(answers) if answers else None,
        recipient_id=int(recipient) if recipient else None,
    )
