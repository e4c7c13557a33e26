"""A real sandbox Twitter for tests, and a webhook that listens to it. Nothing here knows Django."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

PROJECT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").exists())
SECRET = b"synthetic-consumer-secret"
APP = {"authorization": "Bearer app-token-of-the-tests"}
CLIENT = ("client-of-the-tests", "client-secret-of-the-tests")
CALLBACK = "http://localhost:1/twitter/callback/"
EVENTS = ("post.create", "post.delete", "post.mention.create", "post.reply.create", "post.quote.create")


class SandboxProcess:
    """The sandbox as `make run` starts it; it can be killed and started again on the same file."""

    application = "inbox.twitter.sandbox.app:application"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **os.environ,
            "NIGHTJAR_SANDBOX_DB": str(self.folder / "sandbox.sqlite3"),
            "NIGHTJAR_TWITTER_CONSUMER_SECRET": SECRET.decode(),
            "NIGHTJAR_TWITTER_APP_BEARER": APP["authorization"].removeprefix("Bearer "),
            "NIGHTJAR_TWITTER_CLIENT_ID": CLIENT[0],
            "NIGHTJAR_TWITTER_CLIENT_SECRET": CLIENT[1],
            "NIGHTJAR_TWITTER_CALLBACK_URL": CALLBACK,
            "NIGHTJAR_PORT": str(self.port),
            "NIGHTJAR_BASE_DOMAIN": "localhost",
        }
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--no-access-log", "--log-level", "warning"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", self.application, *arguments],
                cwd=PROJECT, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        assert eventually(self._answers, seconds=20), (self.folder / "log").read_text()

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/sandbox/healthz").status_code == 200
        except httpx.TransportError:
            return False


@dataclass
class World:
    """What a test does to the sandbox, in few words."""

    url: str
    http: httpx.Client
    people: dict[str, str] = field(default_factory=dict)  # username → id
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)  # username → headers

    def person(self, username: str, **more: Any) -> str:
        user = self.ask("POST", "/sandbox/users", json={"username": username, "name": username.title(), **more})
        token = self.ask("POST", "/sandbox/tokens", json={"user_id": user["id"]})["access_token"]
        self.people[username] = user["id"]
        self.tokens[username] = {"authorization": f"Bearer {token}"}
        return user["id"]

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """A question of the control surface that must be answered."""
        answer = self.http.request(method, path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tweet(self, username: str, text: str, to: str | None = None, **more: Any) -> httpx.Response:
        body = {"text": text, **more, **({"reply": {"in_reply_to_tweet_id": to}} if to else {})}
        return self.http.post("/2/tweets", json=body, headers=self.tokens[username])

    def tweeted(self, username: str, text: str, to: str | None = None, **more: Any) -> str:
        answer = self.tweet(username, text, to, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]

    def record(self, *tweets: dict[str, Any], deliver: bool = True) -> dict[str, Any]:
        return self.ask("POST", "/sandbox/tweets", json={"tweets": tweets, "deliver": deliver})

    def look_up(self, tweet_id: str, **query: str) -> dict[str, Any]:
        return self.http.get(f"/2/tweets/{tweet_id}", headers=APP, params=query).json()

    def own(self, username: str, **query: str) -> dict[str, Any]:
        path = f"/2/users/{self.people[username]}/tweets"
        return self.http.get(path, headers=self.tokens[username], params=query).json()

    def mentions(self, username: str, **query: str) -> dict[str, Any]:
        path = f"/2/users/{self.people[username]}/mentions"
        return self.http.get(path, headers=self.tokens[username], params=query).json()

    def fault(self, name: str, **more: Any) -> None:
        self.ask("POST", "/sandbox/faults", json={"name": name, **more})

    def listen(self, url: str, *usernames: str, kinds: Sequence[str] = EVENTS) -> str:
        """Register a webhook and subscribe it to events of these accounts."""
        answer = self.http.post("/2/webhooks", json={"url": url}, headers=APP)
        assert answer.status_code == 200, answer.text
        webhook_id = answer.json()["data"]["id"]
        for username in usernames:
            for event_type in kinds:
                body = {"event_type": event_type, "filter": {"user_id": self.people[username]}, "tag": username}
                made = self.http.post("/2/activity/subscriptions", json={**body, "webhook_id": webhook_id}, headers=APP)
                assert made.status_code == 200, made.text
        return webhook_id

    def deliveries(self) -> dict[str, int]:
        return self.ask("GET", "/sandbox/deliveries")

    def ledger(self, **query: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.http.get("/sandbox/ledger", params=query).text.splitlines()]


class Receiver:
    """A webhook of the tests: answers the challenge, keeps what it gets, answers what it is told to."""

    def __init__(self) -> None:
        self.answers: list[int] = []  # status codes of the next deliveries; 200 when there are none
        self.got: list[tuple[dict[str, Any], bytes, str]] = []  # parsed, raw body, signature
        self.hosts: list[str] = []
        self.secret = SECRET
        receiver = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                token = parse_qs(urlsplit(self.path).query)["crc_token"][0]
                self._say(200, json.dumps({"response_token": sign(receiver.secret, token.encode())}).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.hosts.append(self.headers["host"])
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.got.append((json.loads(body), body, self.headers["x-twitter-webhooks-signature"]))
                self._say(status, b"")

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/twitter/webhook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def events(self) -> list[tuple[str, str]]:
        """What came so far: kinds and tweet ids, in order of arrival."""
        return [(data["event_type"], data["payload"]["id"]) for data in self.data()]

    def data(self) -> list[dict[str, Any]]:
        return [parsed["data"] for parsed, _, _ in list(self.got)]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def eventually(check: Callable[[], bool], seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.02)
    return check()


def sign(secret: bytes, message: bytes) -> str:
    return "sha256=" + base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
