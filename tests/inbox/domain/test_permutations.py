"""Twitter delivers twice, late, and in any order; what is known in the end must not depend on it.

The closing note of each test (`-s` shows it) says how many orders were tried.
"""

import sys
from collections import Counter
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.enums import Role
from inbox.domain import wrapup
from inbox.enums import FoundingDisposition
from inbox.models import Conversation
from tests.conftest import ACME_HANDLE
from tests.factories import at
from tests.inbox.domain.conftest import FRONT, HELP
from tests.inbox.domain.scenes import HOUR, carry, deletion, hours, outcome_of, partition, tweet

JO, KIM, LOU = 900_000_000_000_000_001, 900_000_000_000_000_002, 900_000_000_000_000_003
CUSTOMERS = (JO, KIM, LOU)
TEXTS = (
    "my bag is gone",
    "thank you so much!",
    "I will sue you, this is fraud and my child is in danger",
    "¿dónde está mi maleta?",
    "",
)
tried: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def _closing_note():
    yield
    sys.stdout.writelines(f"\n{name}: {count} orders tried" for name, count in tried.items())
    tried.clear()


# --- every order of three scenes


def _a_question_and_its_answers():
    return [
        tweet(id=hours(0), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir my bag is gone"),
        tweet(
            id=hours(1), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="@jo Sorry! 1/2",
            in_reply_to=hours(0), in_reply_to_user=JO, mentions=[(JO, "jo")],
        ),
        tweet(
            id=hours(1, 1), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="Which flight was it? 2/2",
            in_reply_to=hours(1), in_reply_to_user=ACME_HANDLE, mentions=[],
        ),
        tweet(
            id=hours(2), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir the one to Oslo",
            in_reply_to=hours(1, 1), in_reply_to_user=ACME_HANDLE, username="jo_renamed",
        ),
        deletion(id=hours(1, 1), for_id=ACME_HANDLE),
    ]  # fmt: skip


def _a_broadcast_and_those_who_answer_it():
    return [
        tweet(id=hours(0), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="Fog in Oslo. 1/2", mentions=[]),
        tweet(
            id=hours(0, 1), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="We will rebook you. 2/2",
            in_reply_to=hours(0), in_reply_to_user=ACME_HANDLE, mentions=[],
        ),
        tweet(
            id=hours(1), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir when?",
            in_reply_to=hours(0, 1), in_reply_to_user=ACME_HANDLE,
        ),
        tweet(
            id=hours(2), for_id=ACME_HANDLE, author_id=KIM, text="@jo @AcmeAir they never do",
            in_reply_to=hours(1), in_reply_to_user=JO, mentions=[(JO, "jo"), (ACME_HANDLE, "AcmeAir")],
        ),
        tweet(
            id=hours(3), for_id=ACME_HANDLE, author_id=LOU, text="RT @jo: when?", retweet_of=hours(1),
        ),
    ]  # fmt: skip


def _two_handles():
    return [
        tweet(id=hours(0), for_id=FRONT, author_id=JO, text="@Duo my bag", mentions=[(FRONT, "Duo")]),
        tweet(
            id=hours(1), for_id=HELP, author_id=HELP, text="@jo Sorry! 1/2",
            in_reply_to=hours(0), in_reply_to_user=JO, mentions=[(JO, "jo")],
        ),
        tweet(
            id=hours(1, 1), for_id=HELP, author_id=HELP, text="Which flight? 2/2",
            in_reply_to=hours(1), in_reply_to_user=HELP, mentions=[],
        ),
        tweet(
            id=hours(2), for_id=FRONT, author_id=JO, text="@DuoHelp @Duo Oslo",
            in_reply_to=hours(1, 1), in_reply_to_user=HELP, mentions=[(HELP, "DuoHelp"), (FRONT, "Duo")],
        ),
        tweet(
            id=hours(2), for_id=HELP, author_id=JO, text="@DuoHelp @Duo Oslo",
            in_reply_to=hours(1, 1), in_reply_to_user=HELP, mentions=[(HELP, "DuoHelp"), (FRONT, "Duo")],
        ),
    ]  # fmt: skip


def _every_order_is_the_same(brand, scene, name):
    expected = outcome_of(brand, [scene])
    for order in permutations(scene):
        assert outcome_of(brand, [[each] for each in order]) == expected
        assert outcome_of(brand, [order]) == expected  # all in one batch
        tried[name] += 2


def test_a_question_and_its_answers_in_every_order(acme):
    _every_order_is_the_same(acme, _a_question_and_its_answers(), "a question and its answers")


def test_a_broadcast_and_those_who_answer_it_in_every_order(acme):
    _every_order_is_the_same(acme, _a_broadcast_and_those_who_answer_it(), "a broadcast and those who answer")


def test_two_handles_of_one_brand_in_every_order(duo):
    _every_order_is_the_same(duo, _two_handles(), "two handles of one brand")


def test_around_a_closed_conversation_in_every_order(acme, agent):
    """Within the window after it was closed, beyond it, our own on both sides: the hardest scene we know."""
    carry(acme, [tweet(id=hours(0), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir my bag")])
    wrapup.close(
        conversation=Conversation.objects.get(),
        disposition=FoundingDisposition.RESOLVED,
        by=agent,
        role=Role.AGENT,
        now=at(10 * HOUR),
    )
    scene = [
        tweet(id=hours(5), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir hello?"),
        tweet(id=hours(81), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir still not here"),
        tweet(
            id=hours(83), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="@jo Sorry!",
            in_reply_to=hours(81), in_reply_to_user=JO, mentions=[(JO, "jo")],
        ),
        tweet(id=hours(84), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir well?"),
        deletion(id=hours(84), for_id=ACME_HANDLE),
    ]  # fmt: skip

    for missing in range(len(scene)):  # with one of them never arriving: four, in every order
        _every_order_is_the_same(acme, scene[:missing] + scene[missing + 1 :], "around a closed conversation")
    _every_order_is_the_same(acme, scene, "around a closed conversation")


def test_an_old_question_answered_beyond_the_window_in_every_order(acme, agent):
    """Our answer belongs to where its own time puts it, whether the question that it answers is there yet or not."""
    carry(acme, [tweet(id=hours(0), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir my bag")])
    wrapup.close(
        conversation=Conversation.objects.get(),
        disposition=FoundingDisposition.RESOLVED,
        by=agent,
        role=Role.AGENT,
        now=at(10 * HOUR),
    )
    scene = [
        tweet(id=hours(-1), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir hello?"),
        tweet(
            id=hours(100), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="@jo We found it. 1/2",
            in_reply_to=hours(-1), in_reply_to_user=JO, mentions=[(JO, "jo")],
        ),
        tweet(
            id=hours(100, 1), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="It is in Oslo. 2/2",
            in_reply_to=hours(100), in_reply_to_user=ACME_HANDLE, mentions=[],
        ),
        tweet(id=hours(101), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir at last!"),
        tweet(id=hours(102), for_id=ACME_HANDLE, author_id=KIM, text="RT", retweet_of=hours(100), mentions=[]),
    ]  # fmt: skip

    _every_order_is_the_same(acme, scene, "an old question answered beyond the window")
    carry(acme, scene)
    assert partition() == {(hours(-1), hours(0)), (hours(100), hours(100, 1), hours(101))}


# --- generated scenes, some orders of each


@st.composite
def scenes(draw, handles):
    """Up to nine tweets of three customers and the brand, who answer, repeat, delete and amplify one another."""
    moments = sorted(draw(st.lists(st.sampled_from((-5, 0, 1, 5, 20, 60, 81, 83, 90, 200)), min_size=2, max_size=9)))
    made, sent = [], []
    for number, moment in enumerate(moments):
        id = hours(moment, number + 1)
        author, parent, said = draw(_tweets(made, handles))
        for_id = said.pop("for_id")
        if not said.get("retweet_of"):
            made.append((id, author))
        is_missing = draw(st.integers(0, 5)) == 0
        if not is_missing:
            sent.append(tweet(id=id, for_id=for_id, author_id=author, **said))
            if draw(st.integers(0, 4)) == 0:  # the same tweet, for another reason and perhaps another handle
                sent.append(
                    tweet(id=id, for_id=draw(st.sampled_from(handles)), author_id=author, **said)
                    if len(handles) > 1 and _names_one(said, handles)
                    else sent[-1]
                )
        if draw(st.integers(0, 5)) == 0:
            sent.append(deletion(id=id, for_id=for_id))
    return sent


def _names_one(said, handles):
    return said.get("in_reply_to_user") in handles or any(pk in handles for pk, _ in said["mentions"])


@st.composite
def _tweets(draw, made, handles):
    handle = draw(st.sampled_from(handles))
    customer = draw(st.sampled_from(CUSTOMERS))
    text = draw(st.sampled_from(TEXTS))
    username = draw(st.sampled_from(("", "renamed")))
    theirs = [each for each in made if each[1] in CUSTOMERS]
    own = [each for each in made if each[1] in handles]
    unknown = (hours(-20), draw(st.sampled_from((*CUSTOMERS, *handles))))
    what = draw(st.sampled_from(("mention", "answer", "reply") * 2 + ("go on", "say", "retweet")))
    if what == "mention":
        named = draw(st.lists(st.sampled_from(handles), min_size=1, max_size=2, unique=True))
        mentions = [(pk, "Handle") for pk in named]
        return customer, None, {"text": text, "mentions": mentions, "username": username, "for_id": named[0]}
    if what == "say":
        return handle, None, {"text": text, "mentions": [], "for_id": handle}
    if what == "retweet":
        of = draw(st.sampled_from(made or [unknown]))
        author = draw(st.sampled_from((customer, handle)))
        return author, of, {"text": "RT", "retweet_of": of[0], "mentions": [], "for_id": handle}
    if what == "answer":
        of = draw(st.sampled_from(made or [unknown]))
        mentions = [(handle, "Handle")]
        for_id = of[1] if of[1] in handles else handle
    elif what == "reply":
        of = draw(st.sampled_from(theirs or [unknown]))
        customer, for_id = handle, handle
        mentions = draw(st.sampled_from(([], [(of[1], "named")])))
    else:
        of = draw(st.sampled_from(own or [unknown]))
        customer, mentions, for_id = handle, [], handle
    author_known = draw(st.integers(0, 7)) > 0 or what == "answer"
    said = {"text": text, "in_reply_to": of[0], "mentions": mentions, "username": username, "for_id": for_id}
    return customer, of, said | ({"in_reply_to_user": of[1]} if author_known else {})


@st.composite
def batchings(draw, sent):
    """The same events in another order, some of them twice, in one batch or several."""
    again = draw(st.lists(st.sampled_from(sent), max_size=2)) if sent else []
    order = draw(st.permutations(sent + again))
    cuts = sorted(draw(st.sets(st.integers(0, len(order)), max_size=len(order))))
    return [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]


patiently = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@patiently
@given(data=st.data())
def test_any_order_and_batching_ends_in_the_same_state(acme, data):
    sent = data.draw(scenes((ACME_HANDLE,)))
    _some_orders_are_the_same(acme, sent, data, "generated scenes")


@patiently
@given(data=st.data())
def test_any_order_ends_in_the_same_state_with_two_handles(duo, data):
    sent = data.draw(scenes((FRONT, HELP)))
    _some_orders_are_the_same(duo, sent, data, "generated scenes with two handles")


@patiently
@given(data=st.data())
def test_any_order_ends_in_the_same_state_after_a_conversation_was_closed(acme, agent, data):
    if not Conversation.objects.exists():
        carry(acme, [tweet(id=hours(0), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir my bag")])
        wrapup.close(
            conversation=Conversation.objects.get(),
            disposition=FoundingDisposition.RESOLVED,
            by=agent,
            role=Role.AGENT,
            now=at(10 * HOUR),
        )
    sent = data.draw(scenes((ACME_HANDLE,)))
    _some_orders_are_the_same(acme, sent, data, "generated scenes after a closing")


def _some_orders_are_the_same(brand, sent, data, name):
    in_order = list({(each.kind, each.twitter_id): each for each in reversed(sent)}.values())
    in_order.sort(key=lambda each: each.twitter_id)
    expected = outcome_of(brand, [[each] for each in in_order])
    for _ in range(2):
        batches = data.draw(batchings(sent))
        assert outcome_of(brand, batches) == expected
        tried[name] += 1
