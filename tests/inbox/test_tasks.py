"""The worker's door: what is approved is posted, whatever becomes of Redis."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
from django.utils import timezone
from redis import Redis

from config.celery import app as celery
from inbox import tasks
from inbox.enums import ReplyStatus
from inbox.models import Reply
from tenants import entry
from tenants.nudge import nudge
from tests.conftest import committed
from tests.inbox.domain.posting_scene import Scene
from tests.twitter.playing import SandboxProcess, World, eventually, free_port

pytestmark = pytest.mark.commits


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def scene(house, new_brand, sandbox, settings) -> Iterator[Scene]:
    """A committed brand with one reply to post; outside of it, as a worker is."""
    settings.TWITTER_URL = sandbox.url
    brand = new_brand()
    with httpx.Client(base_url=sandbox.url, timeout=20) as http:
        with committed(brand):
            scene = Scene(brand, World(sandbox.url, http), house.agent_id)
        yield scene


def state(scene: Scene) -> tuple[str, int]:
    with committed(scene.brand):
        return scene.status(), len(scene.on_twitter())


WITHOUT_A_BROKER = """
import sys, django
django.setup()
from inbox import tasks
from tenants import entry
from tenants.nudge import nudge
schema = sys.argv[1]
with entry.brand(entry.brand_named(schema)):
    nudge(tasks.post_replies)
tasks.find_out(schema=schema)
"""


def test_with_redis_away_a_nudge_is_lost_and_the_sweep_posts(scene, sandbox):
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    env = {**os.environ, "NIGHTJAR_REDIS_URL": nowhere, "NIGHTJAR_TWITTER_URL": sandbox.url}

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_BROKER, scene.brand.schema_name], env=env, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert "The broker is away" in done.stderr
    assert state(scene) == (ReplyStatus.POSTED, 1)


def test_a_task_that_runs_twice_posts_once(scene):
    for _ in range(2):
        tasks.post_replies(schema=scene.brand.schema_name, something_new=1)
        tasks.find_out(schema=scene.brand.schema_name)

    assert state(scene) == (ReplyStatus.POSTED, 1)


def test_a_task_of_a_brand_that_is_no_more_fails_and_posts_nothing(scene):
    with pytest.raises(entry.UnknownBrand):
        tasks.post_replies(schema="b_999_gone")
    with pytest.raises(TypeError):
        tasks.post_replies()

    assert state(scene) == (ReplyStatus.APPROVED, 0)


@pytest.mark.slow
def test_with_redis_emptied_a_reply_is_posted_within_thirty_seconds(scene, sandbox, tmp_path):
    worker = [sys.executable, "-m", "celery", "--quiet", "--app=config", "worker", "--beat", "--loglevel=warning",
              "--concurrency=1", "--queues=celery,posting", "--without-gossip", "--without-mingle",
              f"--schedule={tmp_path}/beat"]  # fmt: skip
    env = {**os.environ, "NIGHTJAR_TWITTER_URL": sandbox.url}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(worker, env=env, stdout=log, stderr=log)
    try:
        assert eventually(lambda: bool(celery.control.ping(timeout=0.5)), seconds=60), (tmp_path / "log").read_text()
        with committed(scene.brand):
            nudge(tasks.post_replies)
        assert eventually(lambda: state(scene) == (ReplyStatus.POSTED, 1), seconds=30)

        with committed(scene.brand):
            later = scene.answers("Another answer")
            _forget_everything()
        begun = time.monotonic()

        assert eventually(lambda: state(scene)[1] == 2, seconds=60), (tmp_path / "log").read_text()
        assert time.monotonic() - begun < 30
    finally:
        process.terminate()
        process.wait(timeout=30)
    with committed(scene.brand):
        assert Reply.objects.get(pk=later.pk).posted_at <= timezone.now()
        assert scene.status(later) == ReplyStatus.POSTED


@pytest.mark.slow
def test_a_brand_whose_calls_hang_does_not_hold_up_another_brands_reply(scene, house, new_brand, sandbox, tmp_path):
    with committed(new_brand()) as brand:
        other = Scene(brand, World(sandbox.url, scene.twitter.http), house.agent_id)
    scene.fault("time_out", seconds=30, times=None)
    lane = [sys.executable, "-m", "celery", "--quiet", "--app=config", "worker", "--loglevel=warning", "--pool=threads",
            "--concurrency=2", "--queues=posting", "--without-gossip", "--without-mingle"]  # fmt: skip
    env = {**os.environ, "NIGHTJAR_TWITTER_URL": sandbox.url}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(lane, env=env, stdout=log, stderr=log)
    try:
        assert eventually(lambda: bool(celery.control.ping(timeout=0.5)), seconds=60), (tmp_path / "log").read_text()
        with committed(scene.brand):
            nudge(tasks.post_replies)
        assert eventually(lambda: state(scene) == (ReplyStatus.POSTING, 0), seconds=20)
        begun = time.monotonic()
        with committed(other.brand):
            nudge(tasks.post_replies)

        assert eventually(lambda: state(other) == (ReplyStatus.POSTED, 1), seconds=20), (tmp_path / "log").read_text()
        assert time.monotonic() - begun < 9  # a call that hangs lasts ten seconds at least
        assert state(scene) == (ReplyStatus.POSTING, 0)
    finally:
        process.terminate()
        process.wait(timeout=40)
        scene.twitter.http.post("/sandbox/reset")


def _forget_everything() -> None:
    """What Redis holds of this database's tasks; other workers of the test run share the server."""
    redis = Redis.from_url(celery.conf.broker_url)
    prefix = celery.conf.broker_transport_options["global_keyprefix"]
    for key in redis.scan_iter(f"{prefix}*"):
        redis.delete(key)
    redis.close()
