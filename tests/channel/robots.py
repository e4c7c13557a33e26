"""Robots that work over the REST API, as programs of the brand's would: one that answers for each brand, and one that
says yes or no for a client who wants to see everything first. Each is a thread.
"""

import hashlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

SHARE = 60  # per cent of the conversations that are answered
SENT_BACK = 10  # per cent of what the client sees that they do not want
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
    """Calls the API until it is `over`. A call whose answer was lost is made again under the same name, as the API's
    documentation says: `unsure` has what it asked for.
    """

    slug: str
    port: int
    key: str
    over: threading.Event
    said: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__(daemon=True, name=f"{type(self).__name__}-{self.slug}")
        self.unsure: dict[str, tuple[str, dict[str, Any]]] = {}  # by name: where, and what
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
            self._carefully(self._settle_and_look)
            self.over.wait(1)
        until = time.monotonic() + 60
        while self.unsure and time.monotonic() < until:
            self._carefully(self._settle)

    def look(self) -> None:
        """One round of work."""
        raise NotImplementedError

    def heard(self, name: str, answer: httpx.Response) -> None:
        """What became of a call that was made under this name."""
        raise NotImplementedError

    def write(self, name: str, path: str, body: dict[str, Any]) -> None:
        """Ask for something once, however often it takes."""
        self.unsure[name] = path, body
        answer = self.http.post(path, json=body, headers={"Idempotency-Key": f"{self.slug}-{name}"})
        self.said[f"{path.split('/')[-2]} {answer.status_code}"] += 1
        if answer.status_code >= 500 or answer.status_code == 429:
            return
        if answer.status_code == 409 and "retry-after" in answer.headers:
            return
        del self.unsure[name]
        if answer.status_code not in (201, 409):
            self.said[f"refused: {answer.text[:200]}"] += 1
        self.heard(name, answer)

    def _settle_and_look(self) -> None:
        self._settle()
        self.look()

    def _settle(self) -> None:
        for name, (path, body) in list(self.unsure.items()):
            self.write(name, path, body)

    def _carefully(self, work: Any) -> None:
        try:
            work()
        except (httpx.HTTPError, json.JSONDecodeError, KeyError):
            self.said["away"] += 1
            time.sleep(0.5)


@dataclass
class Answerer(Robot):
    """Looks for waiting conversations of one brand and answers most of them, each message at most once: what is
    private in private, some with an invitation to direct messages, some in several parts.
    """

    accepted: dict[str, str] = field(default_factory=dict)  # message answered → reply id

    def __post_init__(self) -> None:
        super().__post_init__()
        self.left: set[str] = set()  # messages that it does not answer, or was told not to
        self.seen: dict[str, str] = {}  # conversation → its last message when it was looked at

    def __hash__(self) -> int:
        return id(self)

    def look(self) -> None:
        page = self.http.get("conversations/", params={"list": "waiting", "limit": 50})
        if page.status_code != 200:
            self.said[f"list {page.status_code}"] += 1
            return
        for conversation in page.json()["results"]:
            if self.over.is_set():
                return
            is_news = self.seen.get(conversation["id"]) != conversation["last_message_at"]
            if is_news and drawn(conversation["id"]) < SHARE and self._look_at(conversation["id"]):
                self.seen[conversation["id"]] = conversation["last_message_at"]

    def heard(self, name: str, answer: httpx.Response) -> None:
        if answer.status_code == 201:
            self.accepted[name] = answer.json()["id"]
            return
        self.left.add(name)
        self.said[f"no: {str(answer.json().get('detail', ''))[:70]}"] += 1

    def _look_at(self, conversation_id: str) -> bool:
        """Answer the newest message of a conversation; whether it could be looked at."""
        answer = self.http.get(f"conversations/{conversation_id}/messages/", params={"limit": 100})
        if answer.status_code != 200:
            return False
        theirs = [one for one in answer.json()["results"] if one["direction"] == "inbound" and not one["deleted_at"]]
        if not theirs:
            return True
        newest = max(theirs, key=lambda one: int(one["id"]))
        name = newest["id"]
        if name in self.accepted or name in self.unsure or name in self.left:
            return True
        self.write(name, "replies/", {"conversation_id": conversation_id, **_answer_to(newest)})
        return True


def _answer_to(message: dict[str, Any]) -> dict[str, Any]:
    number = drawn(message["id"])
    text = INVITATION if number < 10 else LONG if number > 93 else ANSWERS[number % len(ANSWERS)]
    body = {"answers_id": message["id"], "text": text.format(number=f"N{message['id'][-9:]}")}
    if text == LONG:
        body["in_parts"] = True
    # A direct message is answered by one, whether that is said or not.
    if message["is_private"] and number % 2:
        body["way"] = "private"
    return body


@dataclass
class Approver(Robot):
    """A client who reads everything before it goes out, and does not like some of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.decided: set[str] = set()

    def __hash__(self) -> int:
        return id(self)

    def look(self) -> None:
        page = self.http.get("replies/", params={"status": "submitted", "limit": 50})
        if page.status_code != 200:
            self.said[f"list {page.status_code}"] += 1
            return
        for reply in page.json()["results"]:
            if self.over.is_set():
                return
            if reply["id"] in self.decided:
                continue
            if drawn(reply["answers_id"]) % 10 == SENT_BACK // 10:
                self.write(reply["id"], f"replies/{reply['id']}/return/", {"why": "Say it in fewer words."})
            else:
                self.write(reply["id"], f"replies/{reply['id']}/approval/", {})

    def heard(self, name: str, answer: httpx.Response) -> None:
        self.decided.add(name)


def drawn(text: str) -> int:
    """A number from 0 to 99 that is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % 100
