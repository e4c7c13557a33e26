"""A brand with one reply to post, a real Twitter to post it to, and the ways in which a poster may die."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from django.db import connection
from django.utils import timezone

from accounts.enums import Role
from accounts.models import User
from inbox.domain import credentials, flow, posting, replies
from inbox.enums import ReplyStatus
from inbox.models import ApprovalRule, Conversation, Message, Reply
from inbox.twitter.client import Twitter
from tenants.models import Brand
from tests.conftest import handle_of
from tests.payloads import arrive, deletion_event, tweet_event
from tests.twitter.playing import PROJECT, World, eventually, free_port

TEXT = "Sorry about the bag, Tom & I are on it."


class Death(BaseException):
    """The process dies here."""


class Clock:
    """The real time, and as much later as the test has let pass."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return timezone.now() + self.ahead

    def passes(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


class Scene:
    """One customer's tweet and our approved reply to it, committed; use inside `committed(brand)`."""

    def __init__(self, brand: Brand, twitter: World, agent_id: int) -> None:
        self.brand, self.twitter, self.clock = brand, twitter, Clock()
        self.handle_id, self.username = handle_of(brand), f"Fresh{brand.pk}"
        self.agent = User(pk=agent_id, email="agent@northlight.test", name="Agent Test")
        twitter.person(self.username, id=str(self.handle_id))
        credentials.store(
            handle_id=self.handle_id, username=self.username, access_token=self.token(), now=timezone.now()
        )
        ApprovalRule.objects.update(undo_seconds=0)  # what is approved may be claimed at once
        self.customer_id = int(twitter.person(f"jo{brand.pk}"))
        self.opening = self.customer_writes("where is my bag?")
        self.reply = self.answers(TEXT)

    def token(self) -> str:
        return self.twitter.tokens[self.username]["authorization"].removeprefix("Bearer ")

    def customer_writes(self, text: str) -> int:
        """A tweet of the customer's, on Twitter and carried to the brand."""
        text = f"@{self.username} {text}"
        made = self.twitter.record({"author_id": str(self.customer_id), "text": text}, deliver=False)
        tweet_id = int(made["ids"][0])
        self._arrive(tweet_event(id=tweet_id, author_id=self.customer_id, text=text, for_id=self.handle_id,
                                 mentions=[(self.handle_id, self.username)]))  # fmt: skip
        return tweet_id

    def customer_answers(self, to: int, text: str) -> int:
        """A tweet of the customer's that answers one of ours."""
        row = {"author_id": str(self.customer_id), "text": f"@{self.username} {text}", "in_reply_to_tweet_id": str(to)}
        tweet_id = int(self.twitter.record(row, deliver=False)["ids"][0])
        self._arrive(tweet_event(id=tweet_id, author_id=self.customer_id, text=row["text"], for_id=self.handle_id,
                                 in_reply_to=to, in_reply_to_user=self.handle_id,
                                 mentions=[(self.handle_id, self.username)]))  # fmt: skip
        return tweet_id

    def answers(self, text: str, to: int | None = None) -> Reply:
        """A reply of the agent's, approved and waiting to be posted."""
        return replies.compose(
            conversation=Conversation.objects.get(customer=self.customer_id),
            text=text,
            answers_id=to or self.opening,
            by=self.agent,
            role=Role.AGENT,
            now=self.clock(),
        )

    # --- what the product does

    def connect(self, port: int | None = None) -> Callable[[int], Twitter]:
        url = f"http://127.0.0.1:{port}" if port else self.twitter.url
        return lambda handle_id: Twitter(
            base_url=url,
            credentials=credentials.opened(handle_id),
            timeout=httpx.Timeout(connect=1, read=0.3, write=1, pool=1),
        )

    def post(self, *, port: int | None = None, passing: Callable[[str], object] = str) -> int:
        return posting.post_waiting(connect=self.connect(port), clock=self.clock, passing=passing)

    def find_out(self, *, port: int | None = None) -> int:
        return posting.find_out(connect=self.connect(port), clock=self.clock)

    def sweep(self) -> None:
        """What the task of the sweep does."""
        self.find_out()
        self.post()

    def hear(self) -> None:
        """The webhook brings what the brand wrote on Twitter so far, and it is carried."""
        for line in self.own_lines():
            self._arrive(
                tweet_event(
                    id=int(line["id"]),
                    author_id=self.handle_id,
                    username=self.username,
                    text=line["text"],
                    for_id=self.handle_id,
                    in_reply_to=int(line["in_reply_to_tweet_id"]),
                    in_reply_to_user=self.customer_id,
                    mentions=[(self.customer_id, f"jo{self.brand.pk}")],
                    event_type="post.create",
                )
            )

    def hear_of_deletion(self, tweet_id: int) -> None:
        body = deletion_event(id=tweet_id, author_id=self.handle_id, for_id=self.handle_id)
        arrive(body, kind="deletion", handle_id=self.handle_id)
        flow.carry(brand=self.brand, now=self.clock())

    def person_decides(self, reply: Reply) -> None:
        """An agent looks at Twitter and says what is so."""
        found = [int(line["id"]) for line in self.own_lines() if line["text"].endswith(reply.text)]
        if found:
            posting.it_was_posted(reply=reply, tweet_id=found[0], by=self.agent, role=Role.AGENT, now=self.clock())
        else:
            self.try_again(reply)

    def try_again(self, reply: Reply | None = None) -> None:
        replies.try_again(reply=reply or self.reply, by=self.agent, role=Role.AGENT, now=self.clock())

    # --- what is so

    def own_lines(self) -> list[dict[str, Any]]:
        """The brand's tweets that Twitter has, deleted ones left out."""
        lines = self.twitter.http.get("/sandbox/ledger", params={"after_id": str(self.opening)}).text.splitlines()
        mine = [json.loads(line) for line in lines]
        return [line for line in mine if line["author_id"] == str(self.handle_id) and not line["deleted"]]

    def on_twitter(self) -> list[int]:
        return [int(line["id"]) for line in self.own_lines()]

    def state(self, reply: Reply | None = None) -> tuple[str, int | None]:
        return Reply.objects.values_list("status", "twitter_id").get(pk=(reply or self.reply).pk)

    def status(self, reply: Reply | None = None) -> ReplyStatus:
        return ReplyStatus(self.state(reply)[0])

    def attempt(self) -> int:
        return Reply.objects.get(pk=self.reply.pk).attempt

    def why(self) -> str:
        return Reply.objects.get(pk=self.reply.pk).why

    def outbound(self) -> list[tuple[int, int | None, str]]:
        """Our messages in the conversation: id, the reply that they came from, words."""
        ours = Message.objects.filter(direction="out").order_by("pk")
        return list(ours.values_list("pk", "reply_id", "text"))

    def fault(self, name: str, **more: Any) -> None:
        self.twitter.fault(name, user_id=str(self.handle_id), **{"times": 1, **more})

    def _arrive(self, body: bytes) -> None:
        arrive(body, handle_id=self.handle_id)
        flow.carry(brand=self.brand, now=self.clock())


# --- ways to die


def dying_when(step: str) -> Callable[[str], None]:
    """To be told each step of `post_waiting`; dies at this one."""

    def passing(name: str) -> None:
        if name == step:
            raise Death

    return passing


@contextmanager
def dying_before_the_commit() -> Iterator[None]:
    """Dies when the first change to a reply was written and not yet committed."""

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if sql.startswith(('UPDATE "inbox_reply"', 'UPDATE "inbox_errand"')):
            raise Death
        return answer

    with connection.execute_wrapper(watch):
        yield


class Posters:
    """Posters in processes of their own (`poster.py`)."""

    def __init__(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.inbox.domain.poster"],
            cwd=PROJECT, env=dict(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, brand: Brand, url: str) -> int:
        """Begin to post this brand's replies; returns the id of the process."""
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(json.dumps({"schema": brand.schema_name, "url": url}) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not Path(f"/proc/{pid}").exists())

    def close(self) -> None:
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.close()
        self.server.stdout.close()
        self.server.wait(timeout=10)


class Relay:
    """Stands between a poster and Twitter: takes a request, passes it on or not, and never brings an answer back."""

    def __init__(self, *, to_port: int, passes_on: bool) -> None:
        self.port, self.to_port, self.passes_on = free_port(), to_port, passes_on
        self.url = f"http://127.0.0.1:{self.port}"
        self.has_request, self.has_answer = threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(10)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Relay":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=10)
        self._listener.close()

    def _serve(self) -> None:
        poster, _ = self._listener.accept()
        with poster:
            request = _request_from(poster)
            self.has_request.set()
            if not self.passes_on:
                _wait_for_the_end(poster)
                return
            with socket.create_connection(("127.0.0.1", self.to_port), timeout=10) as twitter:
                twitter.sendall(request)
                readable, _, _ = select.select([twitter, poster], [], [], 10)
                if twitter in readable:
                    self.has_answer.set()
                _wait_for_the_end(poster)


def _request_from(poster: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += poster.recv(65536)
    head, _, body = request.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += poster.recv(65536)
    return head + b"\r\n\r\n" + body


def _wait_for_the_end(poster: socket.socket) -> None:
    try:
        while poster.recv(65536):
            time.sleep(0.01)
    except OSError:
        pass
