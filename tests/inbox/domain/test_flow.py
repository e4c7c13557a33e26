from inbox.domain import flow
from inbox.models import Conversation, Event, Message
from tests.conftest import NOON
from tests.factories import tweet_id
from tests.payloads import arrive, tweet_event

JO = 900_000_000_000_000_001


def test_a_mention_becomes_a_waiting_conversation(acme):
    arrive(tweet_event(id=tweet_id(0), author_id=JO, text="@AcmeAir my bag is gone"))

    carried = flow.carry(brand=acme, now=NOON)

    assert carried.count == 1
    conversation = Conversation.objects.get()
    assert conversation.waiting_since == NOON
    assert conversation.customer.username == f"u{JO}"[:15]
    assert Message.objects.get().text == "@AcmeAir my bag is gone"
    assert list(Event.objects.order_by("seq").values_list("kind", flat=True)) == ["opened", "message_arrived"]


def test_the_same_arrival_twice_changes_nothing_more(acme):
    for _ in range(2):
        arrive(tweet_event(id=tweet_id(0), author_id=JO, text="@AcmeAir my bag is gone"))
        flow.carry(brand=acme, now=NOON)

    assert Message.objects.count() == 1
    assert Event.objects.count() == 2
