"""Robots that answer customers over the REST API, as a program of the brand's would: one thread for each brand."""

import hashlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

SHARE = 60  # per cent of the conversations that are answered
ANSWERS = (
    "Sorry about this. We are looking at {number} right now and come back to you.",
    "Thank you for writing. Colleagues have {number} on their table.",
    "That should not happen. Noted under {number}; we let you know.",
    "We hear you. It is being repaired as we write, reference {number}.",
)
INVITATION = "Please send us a DM with your details, reference {number}, and we take it from there."
LONG = (
    "Thank you for waiting, this is a longer answer, reference {number}. First: the fault is known since this morning "
    "and colleagues are on site. Second: nothing that you have paid for is lost; what did not work is credited on the "
    "next bill without your asking. Third: if you need a line today, any of our shops lends you one at no cost, and "
    "whoever is at the counter knows about it. We write again as soon as we know when it is over, and we are sorry."
)


@dataclass
class Robot(threading.Thread):
    """Looks for waiting conversations of one brand and answers most of them, each message at most once.

    A call whose answer was lost is made again under the same name, as the API's documentation says.
    """

    slug: str
    port: int
    key: str
    over: threading.Event
    accepted: dict[str, str] = field(default_factory=dict)  # message answered → reply id
    said: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__(daemon=True, name=f"robot-{self.slug}")
        self.unsure: dict[str, dict[str, Any]] = {}
        self.left: set[str] = set()  # messages that it does not answer, or was told not to
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1/",
            headers={"host": f"care.{self.slug}.localhost:{self.port}", "authorization": f"Bearer {self.key}"},
            timeout=20,
            trust_env=False,
        )

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self._round()
            except (httpx.HTTPError, json.JSONDecodeError, KeyError):
                self.said["away"] += 1
                time.sleep(0.5)
            self.over.wait(0.3)
        self.settle()

    def settle(self, seconds: float = 30) -> None:
        """Find out what became of calls whose answers were lost."""
        until = time.monotonic() + seconds
        while self.unsure and time.monotonic() < until:
            for answers_id in list(self.unsure):
                try:
                    self._send(answers_id)
                except (httpx.HTTPError, json.JSONDecodeError):
                    time.sleep(0.5)

    def _round(self) -> None:
        for answers_id in list(self.unsure):
            self._send(answers_id)
        page = self.http.get("conversations/", params={"list": "waiting", "limit": 50})
        if page.status_code != 200:
            self.said[f"list {page.status_code}"] += 1
            return
        for conversation in page.json()["results"]:
            if self.over.is_set():
                return
            if _drawn(conversation["id"]) < SHARE:
                self._look_at(conversation["id"])

    def _look_at(self, conversation_id: str) -> None:
        answer = self.http.get(f"conversations/{conversation_id}/messages/", params={"limit": 100})
        if answer.status_code != 200:
            return
        theirs = [one for one in answer.json()["results"] if one["direction"] in ("in", "inbound")]
        theirs = [one for one in theirs if not one["deleted_at"]]
        if not theirs:
            return
        newest = max(theirs, key=lambda one: int(one["id"]))["id"]
        if newest in self.accepted or newest in self.unsure or newest in self.left:
            return
        drawn = _drawn(newest)
        text = INVITATION if drawn < 10 else LONG if drawn > 96 else ANSWERS[drawn % len(ANSWERS)]
        body = {"conversation_id": conversation_id, "answers_id": newest, "text": text.format(number=f"N{newest[-6:]}")}
        self.unsure[newest] = body
        self._send(newest)

    def _send(self, answers_id: str) -> None:
        name = f"{self.slug}-{answers_id}"
        answer = self.http.post("replies/", json=self.unsure[answers_id], headers={"Idempotency-Key": name})
        self.said[f"reply {answer.status_code}"] += 1
        if answer.status_code == 201:
            self.accepted[answers_id] = answer.json()["id"]
        elif answer.status_code in (409, 429) and "retry-after" in answer.headers or answer.status_code >= 500:
            return  # under way, or broken just now: ask again under the same name
        elif answer.status_code not in (401, 429):
            self.left.add(answers_id)
            self.said[f"refused: {_why(answer)}"] += 1
        else:
            return
        del self.unsure[answers_id]


def _drawn(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % 100


def _why(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", ""))[:90]
    except json.JSONDecodeError:
        return answer.text[:60]
