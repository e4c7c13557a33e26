"""Tags: put on, taken off, retired."""

import pytest

from accounts.enums import Role
from inbox import queries
from inbox.domain import tags
from inbox.enums import EventKind
from inbox.models import Event, Tag, Tagging
from tenants.refusals import NotNow, NotYours
from tests.conftest import NOON
from tests.factories import ConversationFactory


def put_on(conversation, by, name="baggage", role=Role.AGENT) -> Tag:
    return tags.put_on(conversation=conversation, name=name, by=by, role=role, now=NOON)


def take_off(conversation, tag, by, role=Role.AGENT) -> None:
    tags.take_off(conversation=conversation, tag=tag, by=by, role=role, now=NOON)


def on(conversation) -> list[str]:
    return [tag.name for tag in queries.tags_of(conversation)]


def test_a_new_word_becomes_a_tag_of_the_brand(acme, agent):
    conversation = ConversationFactory()

    tag = put_on(conversation, agent, name=" #Lost  baggage ")

    assert (tag.name, on(conversation)) == ("Lost baggage", ["Lost baggage"])
    event = Event.objects.get()
    assert (event.kind, event.facts) == (EventKind.TAGGED, {"tag": tag.pk, "name": "Lost baggage"})


def test_the_same_word_is_the_same_tag_and_goes_on_once(acme, agent):
    conversation = ConversationFactory()

    assert put_on(conversation, agent) == put_on(conversation, agent, name="BAGGAGE")

    assert (on(conversation), Event.objects.count()) == (["baggage"], 1)


def test_a_tag_is_taken_off_once(acme, agent):
    conversation, other = ConversationFactory(), ConversationFactory()
    tag = put_on(conversation, agent)
    put_on(other, agent)

    take_off(conversation, tag, agent)
    take_off(conversation, tag, agent)

    assert (on(conversation), on(other)) == ([], ["baggage"])
    assert Event.objects.filter(kind=EventKind.UNTAGGED).count() == 1


def test_a_retired_tag_stays_where_it_is_and_goes_on_no_other(acme, agent):
    conversation = ConversationFactory()
    tag = tags.retire(tag=put_on(conversation, agent), role=Role.SUPERVISOR, now=NOON)

    with pytest.raises(NotNow, match="“baggage” is retired"):
        put_on(ConversationFactory(), agent)
    assert (on(conversation), list(queries.tags())) == (["baggage"], [])

    tags.bring_back(tag=tag, role=Role.SUPERVISOR)
    put_on(ConversationFactory(), agent)
    assert Tagging.objects.count() == 2


def test_a_supervisor_gives_the_brand_a_tag_and_brings_back_one_by_its_name(acme):
    tag = tags.add(name="vip", role=Role.SUPERVISOR)
    tags.retire(tag=tag, role=Role.SUPERVISOR, now=NOON)

    assert tags.add(name="VIP", role=Role.SUPERVISOR) == tag

    assert list(queries.tags()) == [tag]


@pytest.mark.parametrize(("name", "said"), [(" # ", "needs a word"), ("x" * 41, "40 characters"), ("\x00", "a word")])
def test_a_tag_is_a_word_and_not_a_long_one(acme, agent, name, said):
    with pytest.raises(NotNow, match=said):
        put_on(ConversationFactory(), agent, name=name)

    assert not Tag.objects.exists()


def test_twenty_tags_are_the_most_on_one_conversation(acme, agent):
    conversation = ConversationFactory()
    for number in range(20):
        put_on(conversation, agent, name=f"tag {number}")

    with pytest.raises(NotNow, match="20 tags are the most"):
        put_on(conversation, agent, name="one more")

    assert len(on(conversation)) == 20


def test_client_staff_tag_nothing_and_agents_retire_nothing(acme, agent):
    conversation = ConversationFactory()
    tag = put_on(conversation, agent)

    for act in (
        lambda: put_on(conversation, agent, name="new", role=Role.CLIENT_APPROVER),
        lambda: take_off(conversation, tag, agent, role=Role.CLIENT_VIEWER),
        lambda: tags.retire(tag=tag, role=Role.AGENT, now=NOON),
        lambda: tags.bring_back(tag=tag, role=Role.AGENT),
        lambda: tags.add(name="new", role=Role.TRAINEE),
    ):
        with pytest.raises(NotYours):
            act()

    assert (on(conversation), Tag.objects.count(), Tag.objects.get().retired_at) == (["baggage"], 1, None)


def test_a_typed_line_is_cut_at_its_commas():
    assert tags.names_in(" vip, #lost  baggage ,, vip ,\u202e") == ["vip", "lost baggage"]


def test_tags_go_with_a_conversation_that_is_merged_into_another(acme, agent):
    emptied, into = ConversationFactory(), ConversationFactory()
    for name, conversations in {"both": (emptied, into), "one": (emptied,)}.items():
        for conversation in conversations:
            put_on(conversation, agent, name=name)

    tags.follow({emptied.pk: into.pk})

    assert (on(emptied), on(into)) == ([], ["both", "one"])


def test_two_ways_to_write_one_letter_are_one_tag(acme, agent):
    """The Kelvin sign is a k where the constraint looks: in lower case."""
    conversation, first = ConversationFactory(), tags.add(name="k", role=Role.SUPERVISOR)

    second = tags.put_on(conversation=conversation, name="\u212a", by=agent, role=Role.AGENT, now=NOON)

    assert second.pk == first.pk
