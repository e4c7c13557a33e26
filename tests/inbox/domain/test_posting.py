"""A reply is posted once: wherever the poster dies, whatever Twitter does, however the news comes back."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import httpx
import pytest
from django.db import connection, connections, transaction

from accounts.enums import Role
from inbox.domain import arrivals, credentials, fates, outages, posting
from inbox.enums import EventKind, ReplyStatus
from inbox.models import Conversation, Credential, Event, Message, Reply
from inbox.twitter.client import NotNow as TwitterNotNow
from inbox.twitter.client import Refused, Sent, Unknown
from tenants.refusals import NotNow
from tests.conftest import NOON, committed
from tests.inbox.domain.posting_scene import (
    TEXT,
    Death,
    Posters,
    Relay,
    Scene,
    dying_before_the_commit,
    dying_when,
)
from tests.inbox.twitter.answering import Answering, answer
from tests.twitter.playing import World, eventually, free_port

pytestmark = pytest.mark.commits

FAULTS = {
    "none": {},
    "lost_answer": {},
    "server_error": {},
    "server_error_after": {},
    "time_out": {"seconds": 3},
    "time_out_after": {"seconds": 3},
    "too_many": {"seconds": 60},
    "refused_connection": {},
    "duplicate": {},
    "forbidden": {},
}
PUBLISHES = {"none", "lost_answer", "server_error_after", "time_out_after"}
BEFORE_THE_COMMIT, CLAIMED = "before the claim commits", "claimed"
TWITTER_LACKS_IT, TWITTER_HAS_IT = "in the call, before Twitter has it", "in the call, Twitter has it"
ANSWERED, SETTLED, NOBODY_DIES = "answered", "settled", "nobody dies"
POINTS = (BEFORE_THE_COMMIT, CLAIMED, TWITTER_LACKS_IT, TWITTER_HAS_IT, ANSWERED, SETTLED, NOBODY_DIES)
CELLS = [
    pytest.param(point, fault, heard, id=f"{point}-{fault}-{'heard' if heard else 'not heard'}")
    for point in POINTS
    for fault in FAULTS
    for heard in (True, False)
    # Nobody is in the middle of a call that was never connected.
    if not (fault == "refused_connection" and point in (TWITTER_LACKS_IT, TWITTER_HAS_IT))
]
DONE = {ReplyStatus.POSTED, ReplyStatus.REFUSED, ReplyStatus.UNKNOWN}


@pytest.fixture(scope="session")
def posters() -> Iterator[Posters]:
    posters = Posters()
    yield posters
    posters.close()


@pytest.fixture
def scene(house, emptied_brand, sandbox) -> Iterator[Scene]:
    """A committed brand with one reply to post."""
    with httpx.Client(base_url=sandbox.url, timeout=20) as http, committed(emptied_brand) as brand:
        http.post("/sandbox/reset")
        yield Scene(brand, World(sandbox.url, http), house.agent_id)


@pytest.mark.parametrize(("point", "fault", "heard"), CELLS)
def test_a_reply_is_posted_once_and_never_lost(scene, posters, point, fault, heard):
    dead_port = free_port() if fault == "refused_connection" else None
    if not dead_port and fault != "none":
        scene.fault(fault, **FAULTS[fault])

    _post_and_die(scene, posters, point, fault, dead_port)
    _recover(scene, heard=heard)

    status, twitter_id = scene.state()
    if scene.on_twitter():
        assert (status, twitter_id) == (ReplyStatus.POSTED, scene.on_twitter()[0])
    else:
        assert (status, bool(scene.why())) in [(ReplyStatus.REFUSED, True), (ReplyStatus.UNKNOWN, True)]
    _until_a_person_is_content(scene, heard=heard)
    _assert_posted_once(scene)


def _post_and_die(scene: Scene, posters: Posters, point: str, fault: str, port: int | None) -> None:
    if point == NOBODY_DIES:
        scene.post(port=port)
    elif point == BEFORE_THE_COMMIT:
        with dying_before_the_commit(), pytest.raises(Death):
            scene.post(port=port)
        assert scene.status() == ReplyStatus.APPROVED
    elif point in (TWITTER_LACKS_IT, TWITTER_HAS_IT):
        _kill_in_the_call(scene, posters, fault, passes_on=point == TWITTER_HAS_IT)
        assert scene.status() == ReplyStatus.POSTING
        assert len(scene.on_twitter()) == (point == TWITTER_HAS_IT and fault in PUBLISHES)
    else:
        with pytest.raises(Death):
            scene.post(port=port, passing=dying_when(point))


def _kill_in_the_call(scene: Scene, posters: Posters, fault: str, *, passes_on: bool) -> None:
    with Relay(to_port=httpx.URL(scene.twitter.url).port, passes_on=passes_on) as relay:
        pid = posters.start(scene.brand, relay.url)
        assert relay.has_request.wait(10)
        if passes_on and fault == "time_out":
            time.sleep(0.1)  # Twitter has the request, and does nothing about it
        elif passes_on and fault == "time_out_after":
            assert eventually(lambda: bool(scene.on_twitter()))
        elif passes_on:
            assert relay.has_answer.wait(10)
        posters.kill(pid)


def _recover(scene: Scene, *, heard: bool) -> None:
    """What the product does by itself, while time passes, until it comes to rest."""
    for seconds in (0, 15, 45, 15, 60, 60):
        scene.clock.passes(seconds)
        if heard:
            scene.hear()
        had_it, attempt = bool(scene.on_twitter()), scene.attempt()
        scene.sweep()
        assert len(scene.on_twitter()) <= 1
        assert not had_it or scene.attempt() == attempt  # that Twitter refuses a duplicate is no merit of ours
        if scene.status() in DONE:
            return
    pytest.fail(f"still {scene.state()}: {scene.why()}")


def _until_a_person_is_content(scene: Scene, *, heard: bool) -> None:
    for _ in range(2):
        if scene.status() != ReplyStatus.POSTED:
            scene.person_decides(scene.reply)
            _recover(scene, heard=heard)


def _assert_posted_once(scene: Scene) -> None:
    scene.hear()
    scene.clock.passes(3600)
    scene.sweep()

    [tweet_id] = scene.on_twitter()
    assert scene.state() == (ReplyStatus.POSTED, tweet_id)
    assert scene.outbound() == [(tweet_id, scene.reply.pk, f"@jo{scene.brand.pk} {TEXT}")]
    assert Event.objects.filter(kind=EventKind.REPLY_POSTED).count() == 1
    assert Conversation.objects.get().waiting_since is None


# --- deaths inside a transaction, by a real kill


def test_a_poster_killed_while_it_claims_has_claimed_nothing(scene, posters):
    with _brand_held():
        pid = posters.start(scene.brand, scene.twitter.url)
        assert eventually(_somebody_waits_for_the_brand)
        posters.kill(pid)

    assert scene.state() == (ReplyStatus.APPROVED, None)
    scene.sweep()
    _assert_posted_once(scene)


def test_a_poster_killed_while_it_settles_has_settled_nothing(scene, posters):
    scene.fault("time_out_after", seconds=0.3)
    pid = posters.start(scene.brand, scene.twitter.url)
    assert eventually(lambda: bool(scene.on_twitter()))
    with _brand_held():
        assert eventually(_somebody_waits_for_the_brand)
        posters.kill(pid)

    assert scene.status() == ReplyStatus.POSTING
    _recover(scene, heard=False)
    _assert_posted_once(scene)


@contextmanager
def _brand_held() -> Iterator[None]:
    """As a carrier holds it: claims and settlements of this brand wait."""
    with transaction.atomic():
        arrivals.hold()
        yield


def _somebody_waits_for_the_brand() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0] == 1


def test_dying_while_an_outcome_is_written_writes_nothing_of_it(scene):
    with ExitStack() as dying, pytest.raises(Death):
        scene.post(passing=lambda step: step == ANSWERED and dying.enter_context(dying_before_the_commit()))

    assert scene.status() == ReplyStatus.POSTING
    assert scene.outbound() == []
    _recover(scene, heard=False)
    _assert_posted_once(scene)


# --- the same news by two ways, old news, and news that is not for this reply


def test_what_the_webhook_told_before_the_answer_was_settled_is_not_told_again(scene):
    scene.post(passing=lambda step: step == ANSWERED and scene.hear())

    _assert_posted_once(scene)


def test_a_tweet_typed_on_twitter_after_a_refusal_is_recognised(scene):
    scene.fault("forbidden")
    scene.post()
    assert scene.status() == ReplyStatus.REFUSED

    scene.twitter.tweeted(scene.username, TEXT, str(scene.opening))
    scene.hear()

    _assert_posted_once(scene)


def test_a_reply_that_nobody_tried_to_post_is_not_taken_for_one_typed_on_twitter(scene):
    link = scene.answers("See https://fresh.com/a")
    scene.twitter.tweeted(scene.username, "See https://fresh.com/b", str(scene.opening))
    scene.hear()

    assert scene.state(link) == (ReplyStatus.APPROVED, None)
    scene.sweep()
    assert scene.status(link) == ReplyStatus.POSTED
    assert len(scene.on_twitter()) == 3


def test_the_same_words_to_another_tweet_are_another_reply(scene):
    other = scene.answers(TEXT, to=scene.customer_writes("and where is my coat?"))
    scene.fault("server_error")

    scene.post()
    scene.post()
    scene.clock.passes(60)
    scene.sweep()

    [tweet_id] = scene.on_twitter()
    assert scene.state(other) == (ReplyStatus.POSTED, tweet_id)
    assert scene.state() == (ReplyStatus.UNKNOWN, None)


def test_of_two_replies_that_differ_in_a_link_a_person_says_which_was_posted(scene):
    first, second = (scene.answers(f"See https://fresh.com/{name}") for name in "ab")
    scene.fault("server_error", times=3)
    scene.sweep()
    assert [scene.status(each) for each in (scene.reply, first, second)] == [ReplyStatus.POSTING] * 3

    tweet_id = int(scene.twitter.tweeted(scene.username, second.text, str(scene.opening)))
    scene.hear()
    scene.clock.passes(60)
    scene.sweep()
    posting.it_was_posted(reply=second, tweet_id=tweet_id, by=scene.agent, role=Role.AGENT, now=scene.clock())

    assert [scene.state(each) for each in (first, second)] == [
        (ReplyStatus.UNKNOWN, None),
        (ReplyStatus.POSTED, tweet_id),
    ]
    assert scene.outbound() == [(tweet_id, second.pk, f"@jo{scene.brand.pk} {second.text}")]


def test_an_outcome_of_an_attempt_that_was_given_up_says_nothing_of_the_next(scene):
    first = posting.claim(now=scene.clock())
    scene.clock.passes(60)
    scene.find_out()
    assert scene.status() == ReplyStatus.UNKNOWN
    scene.try_again()
    second = posting.claim(now=scene.clock())

    for outcome in (Refused("late"), TwitterNotNow("late", until=scene.clock()), Unknown("late")):
        posting.settle(reply_id=first.pk, attempt=first.attempt, outcome=outcome, now=scene.clock())

    assert (second.attempt, scene.state(), scene.why()) == (2, (ReplyStatus.POSTING, None), "")


@pytest.mark.parametrize("meanwhile", ["unknown", "approved", "posting", "refused"])
def test_that_twitter_has_it_is_believed_however_late_it_is_heard(scene, meanwhile):
    first = posting.claim(now=scene.clock())
    tweet_id = int(scene.twitter.tweeted(scene.username, TEXT, str(scene.opening)))
    Reply.objects.filter(pk=first.pk).update(status=meanwhile, attempt=2 if meanwhile == "posting" else 1)

    posting.settle(reply_id=first.pk, attempt=1, outcome=Sent(tweet_id, f"@jo {TEXT}"), now=scene.clock())

    assert scene.state() == (ReplyStatus.POSTED, tweet_id)
    scene.sweep()
    assert scene.on_twitter() == [tweet_id]


def test_a_tweet_that_is_another_reply_already_goes_before_a_person(scene):
    other = scene.answers("Another answer")
    scene.post()
    _, tweet_id = scene.state()
    Reply.objects.filter(pk=other.pk).update(status="approved", twitter_id=None, posted_at=None)
    claimed = posting.claim(now=scene.clock())

    posting.settle(reply_id=other.pk, attempt=claimed.attempt, outcome=Sent(tweet_id, ""), now=scene.clock())

    assert scene.state(other) == (ReplyStatus.UNKNOWN, None)
    assert scene.state() == (ReplyStatus.POSTED, tweet_id)


def test_a_reply_deleted_on_twitter_before_we_knew_of_it_leaves_no_words_here(scene):
    def delete(step: str) -> None:
        if step == ANSWERED:
            [tweet_id] = scene.on_twitter()
            scene.hear_of_deletion(tweet_id)

    scene.post(passing=delete)

    [(tweet_id, reply_id, text)] = scene.outbound()
    assert (scene.state(), reply_id, text) == ((ReplyStatus.POSTED, tweet_id), scene.reply.pk, "")
    assert Message.objects.get(pk=tweet_id).deleted_at is not None


# --- several at once, and twice


def test_two_workers_at_once_post_each_reply_once(scene):
    texts = [TEXT, *(f"Answer number {number}" for number in range(4))]
    for text in texts[1:]:
        scene.answers(text)
    start = threading.Barrier(3)

    _at_once(3, lambda _: (start.wait(), [scene.sweep() for _ in range(8)]), scene)
    scene.sweep()

    assert [line["text"].partition(" ")[2] for line in scene.own_lines()] == texts
    assert set(Reply.objects.values_list("status", "attempt")) == {(ReplyStatus.POSTED, 1)}


def test_pressing_the_button_twice_says_it_once(scene):
    refused = []

    def press(_number: int) -> None:
        try:
            scene.answers("On  my way.\n")
        except NotNow as refusal:
            refused.append(str(refusal))

    _at_once(2, press, scene)

    assert refused == ["This very reply is already on its way or posted."]
    assert Reply.objects.count() == 2


def _at_once(number: int, work: Callable[[int], object], scene: Scene) -> None:
    failures: list[BaseException] = []

    def run(place: int) -> None:
        try:
            with committed(scene.brand):
                work(place)
        except BaseException as failure:
            failures.append(failure)
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[place]) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_while_one_reply_is_being_posted_no_other_is_claimed(scene):
    scene.answers("Another answer")
    first = posting.claim(now=scene.clock())

    assert first
    assert posting.claim(now=scene.clock()) is None
    scene.clock.passes(posting.LONGEST_CALL.total_seconds())
    assert posting.claim(now=scene.clock())


def test_a_clock_set_back_holds_nobody_up(scene):
    scene.clock.passes(86_400)
    posting.claim(now=scene.clock())
    scene.clock.passes(-86_400)
    other = scene.answers("Another answer")

    scene.sweep()

    assert scene.status(other) == ReplyStatus.POSTED


def test_a_poster_that_was_held_up_after_its_claim_does_not_call_any_more(scene, monkeypatch):
    monkeypatch.setattr(posting, "_BEGUN_WITHIN", 0.01)
    what_happens = {CLAIMED: lambda: time.sleep(0.02), ANSWERED: monkeypatch.undo}
    scene.post(passing=lambda step: what_happens.get(step, str)())

    assert scene.on_twitter() == [scene.state()[1]]
    assert Reply.objects.get(pk=scene.reply.pk).attempt == 2
    assert Event.objects.filter(kind=EventKind.REPLY_DELAYED).count() == 1


def test_a_claim_is_committed_or_it_is_none(scene):
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        posting.claim(now=scene.clock())


# --- not now


def test_a_reply_approved_a_day_ago_is_posted(scene):
    scene.clock.passes(86_400)

    scene.sweep()

    _assert_posted_once(scene)


def test_after_too_many_requests_the_account_is_left_alone_until_twitter_says(scene):
    scene.answers("Another answer")
    scene.fault("too_many", seconds=60)

    assert scene.post() == 1
    scene.clock.passes(30)
    assert scene.post() == 0
    scene.clock.passes(35)
    assert scene.post() == 2


def test_a_refused_token_keeps_the_reply_says_why_and_posts_after_connecting_again(scene):
    scene.fault("unauthorized")
    scene.post()
    credential = Credential.objects.get()
    assert scene.status() == ReplyStatus.APPROVED
    assert scene.why() == credential.refused_why == "Twitter does not accept the brand's log-in: Unauthorized"
    assert credential.refused_at is not None

    credentials.store(handle_id=scene.handle_id, username=scene.username, access_token=scene.token(), now=NOON)
    scene.clock.passes(301)
    scene.sweep()

    assert Credential.objects.get().refused_at is None
    _assert_posted_once(scene)


def test_a_token_that_works_again_by_itself_is_not_called_refused_any_more(scene):
    scene.fault("unauthorized")
    scene.post()

    scene.clock.passes(301)
    scene.post()

    assert (Credential.objects.get().refused_at, Credential.objects.get().refused_why) == (None, "")


def test_while_twitter_refuses_many_brands_at_once_nobody_is_told_to_connect_again(scene):
    begun = scene.clock()
    outages.begin(outages.INCIDENT, why="three brands at once", now=begun, until=begun + timedelta(minutes=5))
    try:
        scene.fault("unauthorized")
        scene.post()

        assert scene.status() == ReplyStatus.APPROVED
        assert Credential.objects.get().refused_at is None
        scene.clock.passes(301)
        scene.sweep()
        _assert_posted_once(scene)
    finally:
        outages.end(outages.INCIDENT)


@pytest.mark.parametrize("key", ["none", "of another place"])
def test_a_handle_without_a_key_that_opens_keeps_its_replies(scene, key):
    sealed = bytes(Credential.objects.get().sealed_access_token)
    if key == "none":
        Credential.objects.all().delete()
    else:
        Credential.objects.update(sealed_access_token=sealed[:-1] + bytes([sealed[-1] ^ 1]))

    scene.sweep()

    assert scene.status() == ReplyStatus.APPROVED
    assert "Connect" in scene.why()
    credentials.store(handle_id=scene.handle_id, username=scene.username, access_token=scene.token(), now=NOON)
    scene.clock.passes(301)
    scene.sweep()
    _assert_posted_once(scene)


def test_when_twitter_wants_payment_the_reply_waits(scene):
    with Answering(
        [answer(402, {"title": "Payment Required", "detail": "credits depleted", "status": 402})]
    ) as twitter:
        scene.post(port=twitter.port)

    assert (scene.status(), scene.why()) == (ReplyStatus.APPROVED, "Twitter wants payment: credits depleted")
    scene.clock.passes(901)
    scene.sweep()
    _assert_posted_once(scene)


# --- unknown


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": {}}', b'{"data": {"id": "12x"}}', b'{"data": 7}'])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_that_cannot_be_read_is_never_posted_again_by_itself(scene, status, body):
    with Answering([answer(status, body)]) as twitter:
        scene.post(port=twitter.port)
        _recover(scene, heard=False)
        scene.clock.passes(86_400)
        scene.sweep()

        assert scene.state() == (ReplyStatus.UNKNOWN, None)
        assert (scene.on_twitter(), len(twitter.requests)) == ([], 1)


def test_a_reply_that_the_timeline_shows_late_is_found_and_nobody_is_asked_too_early(scene):
    scene.fault("lost_answer")
    scene.fault("index_lag", seconds=1, times=None)
    scene.post()

    seen = []
    until = time.monotonic() + 5
    while time.monotonic() < until and scene.status() == ReplyStatus.POSTING:
        scene.sweep()
        seen.append(scene.status())
        time.sleep(0.1)

    assert set(seen) == {ReplyStatus.POSTING, ReplyStatus.POSTED}
    assert not Event.objects.filter(kind=EventKind.REPLY_RETRIED).exists()
    _assert_posted_once(scene)


def test_a_timeline_that_was_read_too_early_proves_nothing(scene):
    """The question was put before the lag was over, and answered after."""
    scene.fault("server_error")
    scene.post()
    asked = scene.clock()
    scene.clock.passes(60)

    assert fates.conclude(scene.reply.pk, [], asked_at=asked, now=scene.clock()) == 0

    assert scene.status() == ReplyStatus.POSTING


def test_a_person_who_tries_again_too_hastily_is_saved_by_the_timeline(scene):
    scene.fault("lost_answer")
    scene.fault("index_lag", seconds=600, times=None)
    scene.post()
    scene.clock.passes(60)
    scene.sweep()
    assert scene.status() == ReplyStatus.UNKNOWN

    scene.clock.passes(600)
    scene.try_again()
    scene.sweep()
    scene.twitter.http.delete("/sandbox/faults/index_lag")
    scene.sweep()

    assert Reply.objects.get(pk=scene.reply.pk).attempt == 2
    _assert_posted_once(scene)


def test_a_person_who_tries_again_is_overtaken_by_the_webhook(scene):
    scene.fault("lost_answer")
    scene.fault("index_lag", seconds=600, times=None)
    scene.post()
    scene.clock.passes(60)
    scene.sweep()

    scene.try_again()
    scene.hear()
    scene.sweep()

    assert Reply.objects.get(pk=scene.reply.pk).attempt == 1
    _assert_posted_once(scene)
    scene.twitter.http.delete("/sandbox/faults/index_lag")


@pytest.mark.parametrize("minutes", [-60, -2, 1.5])
def test_a_clock_that_is_wrong_by_minutes_still_finds_the_reply(scene, minutes):
    Reply.objects.update(created_at=scene.clock() + timedelta(minutes=minutes))
    scene.clock.passes(60 * minutes)
    scene.fault("lost_answer")

    scene.post()
    scene.sweep()

    assert scene.state() == (ReplyStatus.POSTED, scene.on_twitter()[0])


def test_a_clock_that_is_wrong_by_an_hour_asks_a_person_and_posts_nothing_twice(scene):
    Reply.objects.update(created_at=scene.clock() + timedelta(hours=1))
    scene.clock.passes(3600)
    scene.fault("lost_answer")

    scene.post()
    _recover(scene, heard=True)
    assert scene.status() == ReplyStatus.UNKNOWN
    scene.person_decides(scene.reply)

    _assert_posted_once(scene)


def test_while_twitter_cannot_be_asked_nothing_is_concluded_and_after_ten_minutes_a_person_is(scene):
    scene.fault("lost_answer")
    scene.post()

    scene.clock.passes(599)
    scene.find_out(port=free_port())
    assert scene.status() == ReplyStatus.POSTING
    scene.clock.passes(2)
    scene.find_out(port=free_port())

    assert scene.status() == ReplyStatus.UNKNOWN
    assert scene.why() == "Twitter cannot be asked: Twitter could not be reached."
    scene.hear()
    _assert_posted_once(scene)


def test_one_question_settles_all_replies_of_a_handle(scene):
    for number in range(3):
        scene.answers(f"Answer number {number}")
    scene.fault("server_error_after", times=4)
    scene.post()
    asked = []

    def connect(handle_id: int):
        asked.append(handle_id)
        return scene.connect()(handle_id)

    assert posting.find_out(connect=connect, clock=scene.clock) == 4
    assert asked == [scene.handle_id]
    assert set(Reply.objects.values_list("status", flat=True)) == {ReplyStatus.POSTED}


def test_news_that_come_while_the_timeline_is_read_are_the_last_word(scene):
    scene.fault("lost_answer")
    scene.post()

    def connect(handle_id: int):
        scene.hear()
        return scene.connect()(handle_id)

    assert posting.find_out(connect=connect, clock=scene.clock) == 0
    _assert_posted_once(scene)


# --- what a person says


@pytest.fixture
def in_doubt(scene) -> Scene:
    """The reply's fate is unknown, and Twitter has it."""
    scene.fault("lost_answer")
    scene.fault("index_lag", seconds=600)
    scene.post()
    scene.clock.passes(60)
    scene.find_out()
    assert scene.status() == ReplyStatus.UNKNOWN
    return scene


def _say_it_was(scene: Scene, tweet_id: int, role: Role = Role.AGENT) -> None:
    posting.it_was_posted(reply=scene.reply, tweet_id=tweet_id, by=scene.agent, role=role, now=scene.clock())


def test_it_was_posted_makes_it_so(in_doubt):
    _say_it_was(in_doubt, in_doubt.on_twitter()[0])

    _assert_posted_once_in_our_words(in_doubt)
    with pytest.raises(NotNow, match="nothing to decide"):
        _say_it_was(in_doubt, in_doubt.on_twitter()[0])


def _assert_posted_once_in_our_words(scene: Scene) -> None:
    [tweet_id] = scene.on_twitter()
    assert scene.state() == (ReplyStatus.POSTED, tweet_id)
    assert scene.outbound() == [(tweet_id, scene.reply.pk, TEXT)]
    told = Event.objects.get(kind=EventKind.REPLY_POSTED)
    assert (told.by_id, told.message_id) == (scene.agent.pk, tweet_id)


def test_it_cannot_be_a_customers_tweet(in_doubt):
    theirs = in_doubt.customer_writes("hello?")

    with pytest.raises(NotNow, match="somebody else's"):
        _say_it_was(in_doubt, theirs)

    assert in_doubt.state() == (ReplyStatus.UNKNOWN, None)
    assert Message.objects.get(pk=theirs).reply_id is None


def test_it_cannot_be_older_than_what_it_answers_nor_of_tomorrow(in_doubt):
    tomorrow = in_doubt.opening + (86_400_000 << 22)

    for tweet_id in (in_doubt.opening, in_doubt.opening - 1, 5, tomorrow):
        with pytest.raises(NotNow, match="a reply is newer than the tweet it answers"):
            _say_it_was(in_doubt, tweet_id)

    assert in_doubt.state() == (ReplyStatus.UNKNOWN, None)


def test_it_cannot_be_another_reply_of_ours(in_doubt):
    other = in_doubt.answers("Another answer")
    in_doubt.post()
    _, tweet_id = in_doubt.state(other)

    with pytest.raises(NotNow, match="another reply of yours"):
        _say_it_was(in_doubt, tweet_id)

    assert in_doubt.state() == (ReplyStatus.UNKNOWN, None)


def test_words_with_signs_that_twitter_escapes_are_kept_as_they_were_typed(scene):
    other = scene.answers("1 < 2 && 3 > 2 &amp; so on")

    scene.post()

    assert scene.outbound()[1] == (scene.state(other)[1], other.pk, f"@jo{scene.brand.pk} {other.text}")


def test_a_round_ends_and_leaves_the_rest_to_the_next(scene, monkeypatch):
    scene.answers("Another answer")
    monkeypatch.setattr(posting, "_LONGEST_ROUND", 0.0)

    assert scene.post() == 0
    monkeypatch.undo()
    assert scene.post() == 2


def test_the_button_under_a_reply_leads_to_x_itself_wherever_our_own_links_lead(scene, settings):
    settings.TWITTER_PAGES_URL = "http://twitter.localhost:8000"
    Reply.objects.filter(pk=scene.reply.pk).update(invites_private=True)

    scene.post()

    [line] = scene.own_lines()
    assert line["direct_message_deep_link"] == f"https://x.com/messages/compose?recipient_id={scene.handle_id}"
