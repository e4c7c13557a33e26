"""Likes: asked for by a person, done at Twitter by the worker, taken back again; refused by role, plan and message."""

from contextlib import nullcontext

import httpx
import pytest

from accounts.enums import Role
from inbox import queries
from inbox.domain import errands
from inbox.enums import Direction, ErrandKind, ErrandState, EventKind
from inbox.models import Allowance, Errand, Event, Message
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, NOON, committed
from tests.factories import MessageFactory, tweet_id
from tests.inbox.domain.outbox_scene import OneErrand
from tests.inbox.domain.posting_scene import Death, Scene, dying_before_the_commit, dying_when
from tests.twitter.playing import World

STEPS = ["before the claim", "claimed", "answered", "settled"]


@pytest.fixture(autouse=True)
def enterprise(settings) -> None:
    settings.TWITTER_PLAN = "enterprise"


@pytest.fixture
def scene(house, emptied_brand, sandbox):
    with httpx.Client(base_url=sandbox.url, timeout=20) as http, committed(emptied_brand) as brand:
        http.post("/sandbox/reset")
        yield Scene(brand, World(sandbox.url, http), house.agent_id)


class Like(OneErrand):
    """A like of the customer's first tweet, asked for by an agent."""

    kind, what, fault_act = "like", ErrandKind.LIKE, "like"

    def about(self) -> Message:
        return Message.objects.get(pk=self.scene.opening)

    def on_twitter(self) -> list[int]:
        """What the brand likes, as Twitter has it."""
        shown = self.scene.twitter.look_up(str(self.scene.opening), **{"tweet.fields": "public_metrics"})
        return [self.scene.opening] * shown["data"]["public_metrics"]["like_count"]

    def acts(self) -> list[tuple[str, str, str]]:
        """Each liking and unliking that Twitter ever took: what, by whom, of which tweet."""
        lines = self.scene.twitter.ledger(kind="acts")
        return [(each["kind"], each["author_id"], each["subject_id"]) for each in lines]

    def is_liked(self) -> bool:
        return self.about().liked_at is not None

    def told(self) -> list[str]:
        kinds = Event.objects.filter(kind__startswith="errand").order_by("seq").values_list("kind", flat=True)
        return list(kinds)


def wants(message: Message, agent, kind: str = ErrandKind.LIKE, role: str = Role.AGENT) -> Errand:
    return errands.want(message=message, kind=kind, by=agent, role=role, now=NOON)


# --- asking


def test_who_asks_is_told_and_nothing_is_liked_yet(acme, agent):
    message = MessageFactory()

    errand = wants(message, agent)

    assert (errand.kind, errand.state, errand.wanted_by_id) == (ErrandKind.LIKE, ErrandState.WANTED, agent.pk)
    line = Event.objects.get()
    assert (line.kind, line.message_id, line.by_id) == (EventKind.ERRAND_WANTED, message.pk, agent.pk)
    assert line.facts == {"errand": errand.pk, "kind": "like"}
    assert Message.objects.get().liked_at is None


@pytest.mark.parametrize("kind", [ErrandKind.LIKE, ErrandKind.UNLIKE])
def test_a_self_serve_plan_has_no_likes(acme, agent, settings, kind):
    settings.TWITTER_PLAN = "self_serve"
    message = MessageFactory(liked_at=NOON if kind == ErrandKind.UNLIKE else None)

    with pytest.raises(NotNow, match="X took likes by programs from self-serve plans on 2026-04-20"):
        wants(message, agent, kind)

    assert Errand.objects.count() == Event.objects.count() == 0


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (ErrandKind.LIKE, {"liked_at": NOON}, "likes this tweet already"),
        (ErrandKind.UNLIKE, {}, "does not like this tweet"),
        (ErrandKind.LIKE, {"deleted_at": NOON, "text": ""}, "deleted on Twitter"),
        (ErrandKind.LIKE, {"is_private": True}, "direct message cannot be"),
        (ErrandKind.LIKE, {"direction": Direction.OUTBOUND, "author_id": ACME_HANDLE}, "Only what customers write"),
    ],
)
def test_what_cannot_be_liked_is_told_why(acme, agent, kind, fields, words):
    message = MessageFactory(**fields)

    with pytest.raises(NotNow, match=words):
        wants(message, agent, kind)

    assert Errand.objects.count() == Event.objects.count() == 0


@pytest.mark.parametrize("role", [Role.TRAINEE, Role.CLIENT_APPROVER, Role.CLIENT_VIEWER])
def test_only_who_lets_replies_go_out_likes(acme, agent, role):
    message = MessageFactory()

    with pytest.raises(NotYours, match="Hiding and liking is for the agency's agents and supervisors"):
        wants(message, agent, role=role)

    assert Errand.objects.count() == 0


def test_one_thing_at_a_time_is_done_to_a_tweet(acme, agent):
    message = MessageFactory(in_reply_to_id=tweet_id(0, 5))
    wants(message, agent)

    for kind in (ErrandKind.LIKE, ErrandKind.HIDE):
        with pytest.raises(NotNow, match="Something is being done to this tweet already"):
            wants(message, agent, kind)

    assert Errand.objects.count() == Event.objects.count() == 1


# --- doing it, with a real Twitter


@pytest.mark.commits
def test_a_like_is_at_twitter_in_the_accounts_name_and_is_taken_back(scene):
    act = Like(scene)
    act.run(act.connect())

    liked, on_twitter = act.is_liked(), act.on_twitter()
    about = {"by": scene.agent, "role": Role.AGENT, "now": scene.clock()}
    back = errands.want(message=act.about(), kind=ErrandKind.UNLIKE, **about)
    act.run(act.connect())

    assert (liked, on_twitter) == (True, [scene.opening])
    assert (act.is_liked(), act.on_twitter()) == (False, [])
    by = str(scene.handle_id), str(scene.opening)
    assert act.acts() == [("like", *by), ("unlike", *by)]
    back.refresh_from_db()
    assert (act.now().state, back.state, back.done_at is not None) == (ErrandState.DONE, ErrandState.DONE, True)
    assert act.told() == [EventKind.ERRAND_WANTED, EventKind.ERRAND_DONE] * 2


@pytest.mark.commits
def test_a_like_that_was_done_is_not_done_again(scene):
    act = Like(scene)

    tried = [errands.run_waiting(connect=act.connect(), clock=scene.clock) for _ in range(2)]

    assert tried == [1, 0]
    assert len(act.acts()) == 1


@pytest.mark.commits
def test_a_plan_that_twitter_knows_better_refuses_it_until_it_is_tried_again(scene):
    scene.twitter.ask("PUT", "/sandbox/settings", json={"plan": "self_serve"})
    act = Like(scene)

    act.run(act.connect())

    refused = act.now()
    assert (refused.state, refused.done_at) == (ErrandState.REFUSED, None)
    assert "not permitted to access this feature" in refused.why
    assert (act.is_liked(), act.acts()) == (False, [])
    assert act.told() == [EventKind.ERRAND_WANTED, EventKind.ERRAND_REFUSED]

    scene.twitter.ask("PUT", "/sandbox/settings", json={"plan": "enterprise"})
    act.sweep()
    assert act.now().state == ErrandState.REFUSED  # nobody but a person tries again
    act.person_decides()
    act.run(act.connect())
    assert (act.now().state, act.now().why, act.is_liked()) == (ErrandState.DONE, "", True)
    assert act.on_twitter() == [scene.opening]


@pytest.mark.commits
def test_a_refused_like_is_not_tried_again_on_a_plan_without_likes(scene, settings):
    scene.twitter.ask("PUT", "/sandbox/settings", json={"plan": "self_serve"})
    act = Like(scene)
    act.run(act.connect())
    settings.TWITTER_PLAN = "self_serve"

    with pytest.raises(NotNow, match="X took likes by programs"):
        act.person_decides()

    assert act.now().state == ErrandState.REFUSED


@pytest.mark.commits
def test_somebody_liked_it_in_x_by_hand_and_says_so(scene):
    scene.twitter.ask("PUT", "/sandbox/settings", json={"plan": "self_serve"})
    act = Like(scene)
    act.run(act.connect())

    errands.it_was_done(errand=act.errand, by=scene.agent, role=Role.AGENT, now=scene.clock())

    assert (act.now().state, act.is_liked()) == (ErrandState.DONE, True)
    with pytest.raises(NotNow, match="nothing to decide"):
        errands.it_was_done(errand=act.errand, by=scene.agent, role=Role.AGENT, now=scene.clock())


@pytest.mark.commits
def test_a_tweet_that_went_meanwhile_is_not_liked(scene):
    act = Like(scene)
    scene.twitter.ask("DELETE", f"/sandbox/tweets/{scene.opening}")

    act.run(act.connect())

    assert act.now().state == ErrandState.REFUSED
    assert act.now().why
    assert (act.is_liked(), act.acts()) == (False, [])


# --- when something breaks


@pytest.mark.commits
@pytest.mark.parametrize("fault", ["server_error", "lost_answer", "too_many", "unauthorized"])
def test_a_like_that_breaks_is_made_in_the_end_and_counts_once(scene, fault):
    act = Like(scene)
    more = {"too_many": {"act": "like", "seconds": 60}, "unauthorized": {}}
    scene.fault(fault, **more.get(fault, {"act": "like"}))

    act.run(act.connect())
    first = act.now()
    for _ in range(8):
        scene.clock.passes(61)
        act.sweep()

    assert first.state == ErrandState.WANTED
    assert first.why
    assert first.not_before is not None
    assert (act.now().state, act.now().why, act.is_liked()) == (ErrandState.DONE, "", True)
    assert act.on_twitter() == [scene.opening]


@pytest.mark.commits
def test_a_twitter_that_never_answers_is_asked_six_times_and_then_a_person(scene):
    act = Like(scene)
    scene.fault("server_error", act="like", times=20)

    for _ in range(8):
        act.sweep()
        scene.clock.passes(61)

    assert (act.now().state, act.now().attempt) == (ErrandState.UNKNOWN, 6)
    assert act.told() == [EventKind.ERRAND_WANTED, EventKind.ERRAND_REFUSED]
    assert not act.is_liked()


@pytest.mark.commits
@pytest.mark.parametrize("dies", [*STEPS, "before the commit", "before", "after"])
def test_a_worker_that_dies_leaves_a_like_that_is_made_by_the_next(scene, dies):
    act = Like(scene)

    around = dying_before_the_commit() if dies == "before the commit" else nullcontext()
    with around, pytest.raises(Death):
        act.run(act.connect(dies), passing=dying_when(dies))
    for _ in range(6):
        scene.clock.passes(61)
        act.sweep()

    assert (act.now().state, act.is_liked()) == (ErrandState.DONE, True)
    assert act.on_twitter() == [scene.opening]
    assert act.told() == [EventKind.ERRAND_WANTED, EventKind.ERRAND_DONE]


@pytest.mark.commits
def test_likes_wait_where_the_accounts_limit_is_used_up(scene):
    act = Like(scene)
    Allowance.objects.create(
        handle_id=scene.handle_id, endpoint="POST /2/users/:id/likes", cap=50, used=50,
        resets_at=scene.clock() + errands.EDITABLE_FOR,
    )  # fmt: skip

    act.run(act.connect())
    waiting = act.now()
    scene.clock.passes(3601)
    act.sweep()

    assert (waiting.state, waiting.attempt) == (ErrandState.WANTED, 0)
    assert "limit for this account is used up" in waiting.why
    assert (act.now().state, act.on_twitter()) == (ErrandState.DONE, [scene.opening])


def test_what_was_refused_is_not_tried_again_beside_a_newer_wish(acme, agent):
    message = MessageFactory()
    first = wants(message, agent)
    Errand.objects.filter(pk=first.pk).update(state=ErrandState.REFUSED, why="Not now.")
    wants(message, agent)

    with pytest.raises(NotNow, match="Something is being done to this tweet already"):
        errands.try_again(errand=first, by=agent, role=Role.AGENT, now=NOON)

    assert list(Errand.objects.order_by("pk").values_list("state", flat=True)) == ["refused", "wanted"]


def test_what_was_refused_is_not_shown_any_more_once_a_newer_wish_was_done(acme, agent):
    message = MessageFactory()
    first = wants(message, agent)
    Errand.objects.filter(pk=first.pk).update(state=ErrandState.REFUSED, why="Not now.")
    second = wants(message, agent)
    assert queries.errands_of([message])[message.pk] == second

    Errand.objects.filter(pk=second.pk).update(state=ErrandState.DONE, done_at=NOON)

    assert queries.errands_of([message]) == {}
