"""Bringing a file to Twitter: every step may break, and none of it is ever more than "not now" or "refused"."""

from datetime import UTC, datetime, timedelta

import pytest

from inbox.twitter import uploading
from inbox.twitter.uploading import NotNow, Processing, Ready, Refused
from tests.inbox.twitter.answering import RESET, Answering, answer
from tests.inbox.twitter.test_client import twitter_at

BEGUN = [answer(200, {"data": {"id": "77", "media_key": "3_77", "expires_after_secs": 86_400}})]
TAKEN = [answer(200, {"data": {"expires_at": 1}})]
DONE = [answer(200, {"data": {"id": "77", "media_key": "3_77", "expires_after_secs": 3_600}})]
TOLD = [answer(200, {"data": {"id": "77"}})]


def state(**info: object) -> list[bytes]:
    return [answer(200, {"data": {"id": "77", "expires_after_secs": 600, "processing_info": info}})]


def uploaded(*scripts: list, content: bytes = b"x" * 10, alt_text: str = "A blue square"):
    """What an upload comes to when Twitter plays these, and the first line of each request."""
    with Answering(*scripts) as server, twitter_at(server.url) as twitter:
        came_to = uploading.upload(
            twitter, content=content, content_type="image/png", category="tweet_image", alt_text=alt_text
        )
    return came_to, [request.split(b" HTTP")[0].decode() for request in server.requests], server.requests


def test_a_file_is_begun_sent_in_pieces_ended_and_described():
    content = b"a" * uploading.PIECE + b"b" * 5

    came_to, lines, requests = uploaded(BEGUN, TAKEN, TAKEN, DONE, TOLD, content=content)

    assert isinstance(came_to, Ready)
    assert came_to.media_id == 77
    assert abs(came_to.usable_until - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=10)
    assert lines == [
        "POST /2/media/upload/initialize",
        "POST /2/media/upload/77/append",
        "POST /2/media/upload/77/append",
        "POST /2/media/upload/77/finalize",
        "POST /2/media/metadata",
    ]
    assert [b'name="segment_index"\r\n\r\n%d' % number in requests[1 + number] for number in (0, 1)] == [True, True]
    assert b"A blue square" in requests[4]


def test_without_words_nothing_is_described():
    came_to, lines, _ = uploaded(BEGUN, TAKEN, DONE, alt_text="")

    assert isinstance(came_to, Ready)
    assert lines[-1] == "POST /2/media/upload/77/finalize"


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ([answer(503, {"title": "Over capacity"})], NotNow),
        ([answer(429, {"title": "Too Many Requests"})], NotNow),
        ([answer(401, {"title": "Unauthorized"})], NotNow),
        ([answer(402, {"title": "Payment Required"})], NotNow),
        ([RESET], NotNow),
        ([answer(400, {"title": "Invalid Request", "detail": "media type unrecognized"})], Refused),
    ],
    ids=["503", "429", "401", "402", "broken", "400"],
)
def test_whatever_breaks_at_any_step_is_not_now_and_only_a_clear_no_is_a_refusal(step, said, kind):
    scripts = [BEGUN, TAKEN, DONE, TOLD]
    scripts[step] = said

    came_to, lines, _ = uploaded(*scripts)

    assert isinstance(came_to, kind)
    assert len(lines) == step + 1  # nothing more is asked after it


def test_a_video_that_is_looked_at_is_to_be_asked_about_again():
    came_to, _, _ = uploaded(BEGUN, TAKEN, state(state="pending", check_after_secs=7), TOLD)

    assert isinstance(came_to, Processing)
    assert timedelta(seconds=4) < came_to.ask_at - datetime.now(UTC) < timedelta(seconds=8)


def test_a_file_that_twitter_could_not_use_is_refused_in_its_words():
    failed = state(state="failed", error={"code": 1, "name": "InvalidMedia", "message": "Unsupported video"})

    came_to, lines, _ = uploaded(BEGUN, TAKEN, failed)

    assert came_to == Refused("Twitter could not use the file: Unsupported video")
    assert "POST /2/media/metadata" not in lines


@pytest.mark.parametrize(
    "info", [{"state": "in_progress"}, {"state": "in_progress", "check_after_secs": -4}, {"state": 7}]
)
def test_asking_again_waits_some_seconds_whatever_twitter_says(info):
    with Answering(state(**info)) as server, twitter_at(server.url) as twitter:
        came_to = uploading.ask(twitter, media_id=77)

    assert isinstance(came_to, Processing)
    assert came_to.ask_at > datetime.now(UTC) + timedelta(seconds=3)
    assert server.requests[0].startswith(b"GET /2/media/upload?command=STATUS&media_id=77 ")


def test_an_upload_that_takes_too_long_is_given_up_and_tried_again(monkeypatch):
    monkeypatch.setattr(uploading, "LONGEST_UPLOAD", -1.0)

    came_to, lines, _ = uploaded(BEGUN, TAKEN)

    assert isinstance(came_to, NotNow)
    assert "too slowly" in came_to.why
    assert lines == ["POST /2/media/upload/initialize"]


def test_a_file_lasts_a_day_at_most_whatever_twitter_says():
    lasting = [answer(200, {"data": {"id": "77", "expires_after_secs": 10**9}})]

    came_to, _, _ = uploaded(BEGUN, TAKEN, lasting, alt_text="")

    assert isinstance(came_to, Ready)
    assert came_to.usable_until <= datetime.now(UTC) + timedelta(days=1)
