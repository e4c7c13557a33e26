"""A write that a program named is done once: while it is under way, after a crash, and until a day is over."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from inbox.domain import calls
from inbox.domain.calls import AnotherCall, Answer, Call, UnderWay
from inbox.models import IdempotentCall, Tag
from tests.conftest import NOON, committed

CALL = Call(api_key=7, name="order-1", fingerprint="a" * 64)


def tagging(name: str) -> Answer:
    Tag.objects.create(name=name)
    return Answer(201, {"name": name})


def test_the_same_call_gets_the_same_answer_and_is_not_done_again(acme):
    first = calls.once(lambda: tagging("lost"), call=CALL, now=NOON)

    again = calls.once(lambda: tagging("found"), call=CALL, now=NOON + timedelta(hours=23))

    assert (again.status, again.body, again.is_replayed) == (first.status, first.body, True)
    assert [tag.name for tag in Tag.objects.order_by("pk")] == ["lost"]


def test_another_call_under_the_same_name_is_refused(acme):
    calls.once(lambda: tagging("lost"), call=CALL, now=NOON)

    with pytest.raises(AnotherCall, match="something else"):
        calls.once(lambda: tagging("found"), call=Call(7, "order-1", "b" * 64), now=NOON)

    assert Tag.objects.count() == 1


def test_after_a_day_the_name_is_free(acme):
    calls.once(lambda: tagging("lost"), call=CALL, now=NOON)

    answer = calls.once(lambda: tagging("found"), call=CALL, now=NOON + timedelta(days=1))

    assert not answer.is_replayed
    assert IdempotentCall.objects.count() == 1


def test_a_call_that_broke_in_the_middle_left_nothing_and_may_be_made_again(acme):
    def breaking() -> Answer:
        tagging("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        calls.once(breaking, call=CALL, now=NOON)
    answer = calls.once(lambda: tagging("whole"), call=CALL, now=NOON)

    assert not answer.is_replayed
    assert [tag.name for tag in Tag.objects.order_by("pk")] == ["whole"]


@pytest.mark.commits
def test_of_two_at_once_one_is_done_and_the_other_is_told_to_ask_again(new_brand):
    brand, begun, may_end = new_brand(), threading.Event(), threading.Event()

    def slowly() -> Answer:
        begun.set()
        assert may_end.wait(10)
        return tagging("lost")

    def first() -> None:
        with committed(brand):
            calls.once(slowly, call=CALL, now=NOON)
        connection.close()

    running = threading.Thread(target=first)
    running.start()
    assert begun.wait(10)
    with committed(brand), pytest.raises(UnderWay, match="under way at this moment"):
        calls.once(lambda: tagging("lost"), call=CALL, now=NOON)
    may_end.set()
    running.join(10)

    with committed(brand):
        replayed = calls.once(lambda: tagging("lost"), call=CALL, now=NOON)
        assert replayed.is_replayed
        assert Tag.objects.count() == 1


def test_what_is_older_than_a_day_is_swept(acme):
    calls.once(lambda: tagging("lost"), call=CALL, now=NOON)

    assert calls.forget(now=NOON + timedelta(hours=23)) == 0
    assert calls.forget(now=NOON + timedelta(hours=24)) == 1
    assert not IdempotentCall.objects.exists()
