"""The screens' sockets, real ones, through the front door: who hears what, and what becomes of it when things break."""

import asyncio
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from redis import Redis
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from accounts.enums import Role
from config.local import parts, servers
from config.local.processes import end, spawn
from inbox import consumers, queries
from tenants import entry, live, schemas
from tenants.fanout import LONGEST_QUEUE, LOOK_AGAIN, Fanout, Listener
from tests.services import Running, eventually, together

pytestmark = [together, pytest.mark.commits]
RECHECK = 3  # seconds, as `running` is told


@pytest.fixture(autouse=True)
def _may_commit(django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        connection.close()


@contextmanager
def opened(
    running: Running, cookie: str, host: str = "harbour", *, origin: str | None = "same", port: int = 0
) -> Iterator[ClientConnection]:
    """A socket of a screen. Dialled by number, since Python does not know `*.localhost`."""
    there = running.host(host)
    dialled = socket.create_connection(("127.0.0.1", port or running.port), timeout=5)
    with connect(
        f"ws://{there}/live/",
        sock=dialled,
        origin=f"http://{there}" if origin == "same" else origin,
        additional_headers={"Cookie": cookie} if cookie else {},
        proxy=None,
    ) as opened_socket:
        yield opened_socket


def hears(screen: ClientConnection, seconds: float = 5) -> dict[str, Any]:
    return dict(json.loads(screen.recv(timeout=seconds)))


def closed_with(screen: ClientConnection, seconds: float) -> int:
    """The code with which the other end closes within so many seconds; what it says before that is passed over."""
    until = time.monotonic() + seconds
    try:
        while True:
            screen.recv(timeout=max(0.01, until - time.monotonic()))
    except ConnectionClosed as closed:
        assert closed.rcvd, "cut off without a word"
        return closed.rcvd.code


# --- who may open one -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "http://care.tern.localhost:{port}",
        "http://harbour.localhost",
        "http://harbour.localhost:{other}",
        "https://harbour.localhost:{port}",
        "http://harbour.localhost:{port}.evil.example",
        "http://HARBOUR.localhost:{port}",
        "http://harbour.localhost:{port}/",
        "https://evil.example",
        "null",
        "",
        None,
    ],
)
def test_a_page_of_another_origin_opens_no_socket(running: Running, origin: str | None):
    cookie = running.log_in("ines")
    origin = origin and origin.format(port=running.port, other=running.port + 1)

    with pytest.raises(InvalidStatus) as refused, opened(running, cookie, origin=origin):
        pass

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("cookie", ["", "__Host-session=", "__Host-session=made-up", "sessionid=made-up", "%%%;;==="])
def test_without_a_session_one_is_sent_to_log_in(running: Running, cookie: str):
    with opened(running, cookie) as screen:
        assert closed_with(screen, 5) == consumers.LOGGED_OUT


@pytest.mark.parametrize(("opened_on", "used_on"), [("harbour", "tern"), ("tern", "harbour"), ("tern", "moss")])
def test_a_session_of_another_host_is_none(running: Running, opened_on: str, used_on: str):
    cookie = running.log_in("ines", opened_on)

    with opened(running, cookie, used_on) as screen:
        assert closed_with(screen, 5) == consumers.LOGGED_OUT


def test_a_session_of_another_agency_is_none(running: Running, house):
    cookie = running.log_in("ines")
    theirs = f"northlight.localhost:{running.port}"

    dialled = socket.create_connection(("127.0.0.1", running.port), timeout=5)
    headers = {"Cookie": cookie}
    with connect(f"ws://{theirs}/live/", sock=dialled, origin=f"http://{theirs}", additional_headers=headers) as screen:
        assert closed_with(screen, 5) == consumers.LOGGED_OUT


@pytest.mark.parametrize(
    ("name", "host", "brands"),
    [
        ("ines", "harbour", {"tern", "moss"}),
        ("ines", "tern", {"tern"}),
        ("nell", "harbour", {"moss"}),
        ("petra", "tern", {"tern"}),
    ],
)
def test_one_hears_of_the_brands_that_one_may_enter_and_of_no_other(
    running: Running, name: str, host: str, brands: set[str]
):
    cookie = running.log_in(name, host)

    with opened(running, cookie, host) as screen:
        hello = hears(screen)["hello"]
        newest = {brand: running.happens(brand) for brand in ("tern", "moss")}
        hints = [hears(screen) for _ in brands]
        screen.send(json.dumps({"ping": 1}))
        last = hears(screen)

    assert set(hello) == brands
    assert {hint["brand"]: hint["seq"] for hint in hints} == {brand: newest[brand] for brand in brands}
    assert last == {"pong": 1}


def test_nonsense_is_not_answered_and_closes_nothing(running: Running):
    with opened(running, running.log_in("ines")) as screen:
        hears(screen)
        for nonsense in ("", "{", "[]", "null", '{"ping": "x"}', '{"ping": null}', '{"subscribe": "tern"}', "x" * 9000):
            screen.send(nonsense)
        screen.send(b"\x00\xff")
        screen.send(json.dumps({"ping": 7}))
        assert hears(screen) == {"pong": 7}


# --- what it says -----------------------------------------------------------------------------------------------------


def test_hints_are_names_and_numbers_and_never_content(running: Running):
    cookie, frames = running.log_in("ines"), []
    with opened(running, cookie) as screen:
        hears(screen)
        listening = threading.Thread(target=_keep, args=(screen, frames), daemon=True)
        listening.start()

        tweet = running.writes("marmalade", "@TernFerries the secret is marmalade", name="Marmalade Jones")
        url = f"/b/tern/conversations/{tweet}/"
        assert eventually(lambda: running.ask("GET", url, cookie=cookie)[0] == 200)
        running.post(f"{url}assignment/", cookie)
        running.post(f"{url}replies/", cookie, text="Marmalade it is.", in_reply_to=tweet)
        assert eventually(lambda: "Marmalade it is." in str(running.said_on_twitter()), 20)
        running.post(f"{url}close/", cookie, disposition="resolved")
        assert eventually(lambda: sum(f"conversation.{tweet}" in frame for frame in frames) >= 4)
    listening.join(5)

    hints = [json.loads(frame) for frame in frames]
    assert {tuple(hint) for hint in hints} == {("brand", "from", "seq", "changed")}
    names = {name for hint in hints for name in hint["changed"]}
    assert all(re.fullmatch(r"inbox|desk|approvals|conversation\.\d{1,19}", name) for name in names)
    assert {hint["brand"] for hint in hints} == {"tern"}
    assert "marmalade" not in "".join(frames).lower()


def _keep(screen: ClientConnection, frames: list[str]) -> None:
    try:
        for frame in screen:
            frames.append(str(frame))
    except ConnectionClosed:
        pass


def test_numbers_have_no_gap_that_is_not_told(running: Running):
    with opened(running, running.log_in("ines", "tern"), "tern") as screen:
        known = hears(screen)["hello"]["tern"]
        newest = running.happens("tern", times=50)
        hints = [hears(screen) for _ in range(50)]

    assert [hint["from"] for hint in hints] == list(range(known + 1, newest + 1))
    assert hints[-1]["seq"] == newest


# --- brands apart -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared_thread", [True, False])
def test_ten_sockets_of_two_brands_read_500_times_and_all_is_right(running: Running, shared_thread: bool):
    """Threads keep the schema of the call before: every read must set its own."""
    for brand in ("tern", "moss"):
        running.happens(brand, times=3 if brand == "tern" else 5)
    cookies = {brand: running.log_in("ines", brand) for brand in ("tern", "moss")}
    keys = {brand: consumers._session_key(cookie) for brand, cookie in cookies.items()}
    right = {brand: entry.in_brand(running.brands[brand], queries.newest_seq) for brand in keys}
    assert right["tern"] != right["moss"]
    pool = ThreadPoolExecutor(4)

    async def socket_of(brand: str) -> list[Any]:
        got = []
        for number in range(50):
            if number % 2:
                read = consumers.sync_to_async(
                    consumers.identify, thread_sensitive=shared_thread, executor=None if shared_thread else pool
                )
                watcher = await read(host=running.host(brand), session_key=keys[brand])
                got.append(watcher and watcher.seqs)
            else:
                read = consumers.sync_to_async(
                    entry.in_brand, thread_sensitive=shared_thread, executor=None if shared_thread else pool
                )
                got.append({brand: await read(running.brands[brand], queries.newest_seq)})
        return got

    async def all_of_them() -> list[list[Any]]:
        return await asyncio.gather(*(socket_of(brand) for _ in range(5) for brand in ("tern", "moss")))

    read = asyncio.run(all_of_them())
    list(pool.map(lambda _: connection.close(), range(16)))
    pool.shutdown()

    reads = [one for socket_reads in read for one in socket_reads]
    assert len(reads) == 500
    assert read == [[{brand: right[brand]}] * 50 for _ in range(5) for brand in ("tern", "moss")]


# --- the end of a session ---------------------------------------------------------------------------------------------


def test_logging_out_closes_the_socket_within_two_seconds_and_no_other(running: Running):
    leaving, staying = running.log_in("ines"), running.log_in("ines")

    with opened(running, leaving) as screen, opened(running, staying) as other:
        hears(screen), hears(other)
        assert running.post("/logout/", leaving)[0] == 302
        code = closed_with(screen, 2)
        other.send(json.dumps({"ping": 1}))
        assert hears(other) == {"pong": 1}

    assert code == consumers.LOGGED_OUT
    with opened(running, leaving) as screen:
        assert closed_with(screen, 5) == consumers.LOGGED_OUT


@pytest.mark.parametrize(
    "loss",
    [
        "UPDATE accounts_user SET is_active = false WHERE id = %s",
        "UPDATE accounts_user SET password = 'argon2$changed' WHERE id = %s",
        "DELETE FROM accounts_membership WHERE user_id = %s",
    ],
)
def test_a_session_that_lost_its_right_is_closed_at_the_next_look(running: Running, loss: str):
    mailbox = running.hire()

    with opened(running, running.log_in(mailbox)) as screen:
        hears(screen)
        with schemas.as_owner() as cursor:
            cursor.execute(loss, [running.people[mailbox]])
        assert closed_with(screen, RECHECK + 2) == consumers.LOGGED_OUT


def test_who_loses_one_brand_hears_of_it_no_more(running: Running):
    mailbox = running.hire(Role.AGENT, "moss")
    with schemas.as_owner() as cursor:
        cursor.execute(
            "INSERT INTO accounts_membership (user_id, agency_id, brand_id, role) VALUES (%s, %s, %s, 'agent')",
            [running.people[mailbox], running.agency.pk, running.brands["tern"].pk],
        )

    with opened(running, running.log_in(mailbox)) as screen:
        assert set(hears(screen)["hello"]) == {"tern", "moss"}
        with schemas.as_owner() as cursor:
            cursor.execute(
                "DELETE FROM accounts_membership WHERE user_id = %s AND brand_id = %s",
                [running.people[mailbox], running.brands["tern"].pk],
            )
        assert set(hears(screen, RECHECK + 2)["hello"]) == {"moss"}
        running.happens("tern")
        newest = running.happens("moss")
        hint = hears(screen)

    assert (hint["brand"], hint["seq"]) == ("moss", newest)


# --- many, slow, long, and broken -------------------------------------------------------------------------------------


def test_500_screens_that_come_back_at_once_are_all_served_within_ten_seconds(running: Running):
    cookie = running.log_in("ines")
    there = running.host()

    async def one() -> dict[str, Any]:
        async with connect_async(
            f"ws://{there}/live/",
            host="127.0.0.1",
            port=running.port,
            origin=f"http://{there}",
            additional_headers={"Cookie": cookie},
            open_timeout=20,
            compression=None,
            proxy=None,
        ) as screen:
            hello = json.loads(await screen.recv())
            served.set() if len(greeted) == 499 else None
            greeted.append(hello)
            await asyncio.wait_for(served.wait(), 30)
            return dict(json.loads(await asyncio.wait_for(screen.recv(), 10)))

    greeted: list[Any] = []
    served = asyncio.Event()

    async def storm() -> tuple[float, list[dict[str, Any]], int]:
        started = time.monotonic()
        tasks = [asyncio.create_task(one()) for _ in range(500)]
        waiting = asyncio.create_task(served.wait())
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        took = time.monotonic() - started
        connections = await asyncio.to_thread(_connections_of, "live")
        await asyncio.to_thread(_happens_elsewhere, running)
        return took, await asyncio.gather(*tasks), connections

    took, hints, connections = asyncio.run(storm())

    process = running.processes["live"][1]
    assert len(greeted) == 500
    assert {hint["brand"] for hint in hints} == {"tern"}
    assert took < 10
    assert connections <= 2  # the letterbox's apart
    assert _megabytes(process.pid) < 250
    assert _complaints(running) == []


def _complaints(running: Running) -> list[str]:
    """What the live process has printed; that something came for an account that was let go is no complaint."""
    return [line for line in running.log_of("live").splitlines() if "which is no brand's" not in line]


def _happens_elsewhere(running: Running) -> None:
    running.happens("tern")
    connection.close()


def _connections_of(name: str) -> int:
    with psycopg.connect(settings.OWNER_DATABASE_URL) as own:
        row = own.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND usename = %s",
            [name, settings.DATABASES["default"]["USER"]],
        ).fetchone()
    return int(row[0]) if row else 0


def _megabytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))


def test_a_listener_that_does_not_keep_up_is_told_to_look_again():
    listener = Listener()

    for number in range(LONGEST_QUEUE + 1):
        listener.hear("nightjar:x:brand:1", {"seq": number})
    listener.hear("nightjar:x:brand:1", {"seq": 999})

    heard = [listener.queue.get_nowait() for _ in range(listener.queue.qsize())]
    assert [what for _, what in heard] == [LOOK_AGAIN, {"seq": 999}]


def test_an_end_of_session_is_never_lost_in_an_overflow():
    """The word that closes a socket must not be among what a full queue drops."""
    listener = Listener()

    listener.hear("nightjar:x:ended:sessions", {"ended": "its session"})
    for number in range(LONGEST_QUEUE + 1):
        listener.hear("nightjar:x:brand:1", {"seq": number})

    heard = [listener.queue.get_nowait()[1] for _ in range(listener.queue.qsize())]
    assert {"ended": "its session"} in heard or LOOK_AGAIN in heard  # who looks again sees that the session is gone


def test_a_channel_without_listeners_is_forgotten():
    fanout, listener = Fanout(url=settings.REDIS_URL, pattern="nothing"), Listener()

    fanout.subscribe(listener, ["a", "b"])
    fanout.unsubscribe(listener, ["a", "b"])

    assert fanout._listeners == {}


def test_a_screen_that_does_not_read_looks_again_when_it_does(running: Running):
    there = running.host("moss")
    cookie = running.log_in("ines", "moss")
    dialled = socket.socket()
    dialled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    dialled.connect(("127.0.0.1", running.processes["live"][0] and int(running.env["NIGHTJAR_LIVE_PORT"])))
    request = [
        "GET /live/ HTTP/1.1",
        f"Host: {there}",
        f"Origin: http://{there}",
        f"Cookie: {cookie}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "",
        "",
    ]
    dialled.sendall("\r\n".join(request).encode())
    dialled.settimeout(3)
    heard = dialled.recv(4096)
    while b'"hello"' not in heard:
        heard += dialled.recv(4096)

    redis = Redis.from_url(settings.REDIS_URL)
    what = json.dumps({"from": 1, "seq": 1, "changed": ["x" * 2000]})
    for _ in range(30):
        with redis.pipeline(transaction=False) as many:
            for _ in range(200):
                many.publish(live.channel("brand", running.brands["moss"].pk), what)
            many.execute()
        time.sleep(0.01)
    redis.close()
    newest = running.happens("moss")
    after = b""
    try:
        while f'"hello": {{"moss": {newest}}}'.encode() not in after.replace(b'":', b'": ').replace(b"  ", b" "):
            after = after[-4096:] + dialled.recv(65536)
    finally:
        dialled.close()

    assert _complaints(running) == []


@pytest.mark.slow
def test_an_idle_socket_lives_longer_than_a_minute(running: Running):
    with opened(running, running.log_in("ines", "moss"), "moss") as screen:
        hears(screen)
        with pytest.raises(TimeoutError):
            screen.recv(timeout=63)
        newest = running.happens("moss")

        assert hears(screen)["seq"] == newest


def test_after_redis_died_screens_hear_where_the_brands_stand_now(running: Running, tmp_path: Path):
    database = {name: running.env[name] for name in settings_of_databases()}
    cookie = running.log_in("ines")
    with servers.start(tmp_path / "redis", outside=database, throwaway=True) as own:
        env = {
            **running.env,
            "NIGHTJAR_REDIS_URL": own.env["NIGHTJAR_REDIS_URL"],
            "NIGHTJAR_LIVE_PORT": own.env["NIGHTJAR_LIVE_PORT"],
            "NIGHTJAR_LIVE_RECHECK": "60",
        }
        (door,) = [part for part in parts.application_parts(env) if part.name == "live"]
        (valkey, process), port = own.running[0], int(env["NIGHTJAR_LIVE_PORT"])
        with (tmp_path / "live.log").open("ab") as log:
            live_process = spawn(door, log)
        try:
            assert eventually(lambda: door.is_healthy and door.is_healthy())
            with opened(running, cookie, port=port) as screen:
                hears(screen)
                process.send_signal(signal.SIGKILL)
                process.wait()
                newest = running.happens("tern")  # nobody hears: another Redis was told, as if the hint was lost
                with pytest.raises(TimeoutError):
                    screen.recv(timeout=1)
                again = spawn(valkey, None)
                own.running[0] = (valkey, again)

                assert hears(screen, 15)["hello"]["tern"] == newest
                with Redis.from_url(env["NIGHTJAR_REDIS_URL"]) as redis:
                    hint = json.dumps({"from": newest + 1, "seq": newest + 1, "changed": ["inbox"]})
                    assert redis.publish(live.channel("brand", running.brands["tern"].pk), hint) == 1
                assert hears(screen)["seq"] == newest + 1
        finally:
            end(live_process, door.stop_signal)


def settings_of_databases() -> tuple[str, ...]:
    return ("NIGHTJAR_DATABASE_URL", "NIGHTJAR_OWNER_DATABASE_URL", "NIGHTJAR_LETTERBOX_DATABASE_URL")
