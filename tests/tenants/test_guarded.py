"""Rows and queries of one brand, used in another: the same keys are there, and every way of using them raises."""

import copy
import pickle
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery, prefetch_related_objects

from inbox.models import Amplification, Conversation, Customer, Message, Reply
from tenants import entry, walls
from tenants.models.guarded import BrandQuerySet, CrossedBrands
from tests.walled import KEY, Walled, canary_of, digest

pytestmark = pytest.mark.commits

NEW = 4_000


@pytest.fixture(autouse=True)
def _nothing_is_written(walled) -> Iterator[None]:
    """Whatever is tried here, all three brands are afterwards as they were, row by row."""
    before = [digest(brand) for brand in walled.brands]
    yield
    assert [digest(brand) for brand in walled.brands] == before


def load(walled: Walled) -> Message:
    """A message of brand one. Its key is a message's key in brand two as well."""
    with entry.brand(walled.one):
        return Message.objects.select_related("conversation").get(pk=KEY)


def evaluate(queryset: QuerySet) -> list[Any]:
    return list(queryset)


USES_OF_A_ROW: dict[str, Callable[[Message], Any]] = {
    "save": lambda row: row.save(),
    "save some fields": lambda row: row.save(update_fields=["text"]),
    "save as new": lambda row: row.save(force_insert=True),
    "delete": lambda row: row.delete(),
    "refresh": lambda row: row.refresh_from_db(),
    "a deferred column": lambda row: row.refresh_from_db(fields=["text"]),
    "follow a foreign key": lambda row: _without_cache(row).conversation,
    "follow one back": lambda row: list(row.conversation.messages.all()),
    "count what leads back": lambda row: row.conversation.messages.count(),
    "make by what leads back": lambda row: row.conversation.messages.create(pk=NEW, **_message()),
    "add to what leads back": lambda row: row.conversation.messages.add(Message.objects.get(pk=KEY)),
    "prefetch": lambda row: prefetch_related_objects([row.conversation], "messages"),
    "prefetch onward": lambda row: prefetch_related_objects([_without_cache(row)], "conversation"),
    "bulk_create": lambda row: Message.objects.bulk_create([row]),
    "bulk_create, known ones left": lambda row: Message.objects.bulk_create([row], ignore_conflicts=True),
    "bulk_create, known ones changed": lambda row: Message.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["id"], update_fields=["text"]
    ),
    "bulk_create from a generator": lambda row: Message.objects.bulk_create(row for _ in range(1)),
    "bulk_update": lambda row: Message.objects.bulk_update([row], ["text"]),
    "bulk_create what points to it": lambda row: Message.objects.bulk_create(
        [Message(pk=NEW, conversation=row.conversation, **_message())]
    ),
    "save what points to it": lambda row: Message(pk=NEW, conversation=row.conversation, **_message()).save(),
    "create what points to it": lambda row: Message.objects.create(pk=NEW, conversation=row.conversation, **_message()),
    "point a row to it": lambda row: _pointed(Message.objects.get(pk=KEY), row.conversation).save(),
    "bulk_update to it": lambda row: Message.objects.bulk_update(
        [_pointed(Message.objects.get(pk=KEY), row.conversation)], ["conversation"]
    ),
    "filter by it": lambda row: Message.objects.filter(conversation=row.conversation).update(text=""),
    "filter by several": lambda row: Message.objects.filter(conversation__in=[row.conversation]).delete(),
    "filter by it in a Q": lambda row: list(Message.objects.filter(~Q(pk=1) & Q(Q(conversation=row.conversation)))),
    "exclude it": lambda row: list(Message.objects.exclude(conversation=row.conversation)),
    "get by it": lambda row: Message.objects.get(conversation=row.conversation),
    "get or create by it": lambda row: Message.objects.get_or_create(conversation=row.conversation),
    "update to it": lambda row: Message.objects.update(conversation=row.conversation),
    "ask whether it is there": lambda row: Message.objects.all().contains(row),
}


def _message() -> dict[str, Any]:
    return {
        "direction": "in",
        "author_id": KEY,
        "text": "from elsewhere",
        "created_at": "2026-11-03T12:00Z",
        "reach": "direct",
    }


def _without_cache(row: Message) -> Message:
    row._state.fields_cache.clear()
    return row


def _pointed(row: Message, conversation: Conversation) -> Message:
    row.conversation = conversation
    return row


@pytest.mark.parametrize("use", USES_OF_A_ROW)
def test_a_row_of_one_brand_is_of_no_use_in_another(walled, use):
    row = load(walled)
    row.text = "carried over"

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        USES_OF_A_ROW[use](row)


@pytest.mark.parametrize("use", ["save", "delete", "refresh", "follow a foreign key", "bulk_create", "filter by it"])
def test_nor_outside_of_any_brand(walled, use):
    row = load(walled)

    for door in (entry.nowhere, entry.directory, lambda: entry.agency(walled.north.pk)):
        with door(), pytest.raises(CrossedBrands):
            USES_OF_A_ROW[use](row)


def test_a_reply_is_not_followed_to_its_message_elsewhere(walled):
    with entry.brand(walled.one):
        reply = Reply.objects.get(pk=KEY)

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        assert reply.messages.get()


def test_a_column_that_was_left_out_is_not_fetched_elsewhere(walled):
    with entry.brand(walled.one):
        row = Message.objects.defer("text").get(pk=KEY)

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        assert row.text


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda row: pickle.loads(pickle.dumps(row))])
@pytest.mark.parametrize("use", ["save", "delete", "bulk_create", "follow one back"])
def test_a_copy_remembers_where_it_is_from(walled, copied, use):
    row = copied(load(walled))

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        USES_OF_A_ROW[use](row)


def test_a_row_that_was_made_in_a_brand_and_not_saved_is_not_saved_elsewhere(walled):
    with entry.brand(walled.one):
        row = Customer(pk=NEW, username=f"{canary_of(walled.one)}secret")

    with entry.brand(walled.two):
        for use in (row.save, lambda: Customer.objects.bulk_create([row])):
            with pytest.raises(CrossedBrands):
                use()


def test_a_row_that_was_made_in_no_brand_belongs_to_the_first_that_saves_it(walled):
    row, another = Customer(pk=NEW, username="jo"), Customer(pk=NEW + 1, username="jo")
    with pytest.raises(DatabaseError):
        row.save()

    with entry.brand(walled.one):
        row.save()
        Customer.objects.bulk_create([another])
    with entry.brand(walled.two):
        for made in (row, another):
            with pytest.raises(CrossedBrands):
                made.save()

    with entry.brand(walled.one):
        assert Customer.objects.filter(pk__gte=NEW).delete()[0] == 2


def test_at_home_every_use_goes_through(walled):
    """The same uses in the row's own brand, each taken back: none is refused for where the row is from."""
    refused = []
    for name, use in USES_OF_A_ROW.items():
        with entry.brand(walled.one):
            row = Message.objects.select_related("conversation").get(pk=KEY)
            try:
                with transaction.atomic():
                    use(row)
                    transaction.set_rollback(True)
            except CrossedBrands as refusal:
                refused.append((name, refusal))
            except DatabaseError:
                pass  # a key that is taken, or one that others point to

    assert refused == []


USES_OF_A_QUERY: dict[str, Callable[[QuerySet], Any]] = {
    "iterate": evaluate,
    "iterator": lambda rows: list(rows.iterator()),
    "len": len,
    "bool": bool,
    "repr": repr,
    "index": lambda rows: rows[0],
    "slice": lambda rows: list(rows[:5]),
    "first": lambda rows: rows.first(),
    "last": lambda rows: rows.last(),
    "latest": lambda rows: rows.latest("pk"),
    "get": lambda rows: rows.get(pk=KEY),
    "in_bulk": lambda rows: rows.in_bulk(),
    "count": lambda rows: rows.count(),
    "exists": lambda rows: rows.exists(),
    "contains": lambda rows: rows.contains(Message(pk=KEY)),
    "aggregate": lambda rows: rows.aggregate(n=Count("pk")),
    "explain": lambda rows: rows.explain(),
    "values": lambda rows: list(rows.values("text")),
    "values_list": lambda rows: list(rows.values_list("text", flat=True)),
    "dates": lambda rows: list(rows.dates("created_at", "day")),
    "update": lambda rows: rows.update(text="overwritten"),
    "delete": lambda rows: rows.delete(),
    "create": lambda rows: rows.create(pk=NEW, conversation_id=KEY, **_message()),
    "get_or_create": lambda rows: rows.get_or_create(pk=KEY),
    "update_or_create": lambda rows: rows.update_or_create(pk=KEY, defaults={"text": "overwritten"}),
    "bulk_create": lambda rows: rows.bulk_create([Message(pk=NEW, conversation_id=KEY, **_message())]),
    "bulk_update": lambda rows: rows.bulk_update([Message.objects.get(pk=KEY)], ["text"]),
    "filter": lambda rows: list(rows.filter(text="")),
    "select_for_update": lambda rows: list(rows.select_for_update(nowait=True)),
    "union": lambda rows: list(rows.union(Message.objects.all())),
    "union from here": lambda rows: list(Message.objects.union(rows)),
    "intersection from here": lambda rows: list(Message.objects.intersection(rows)),
    "or": lambda rows: list(Message.objects.all() | rows),
    "and": lambda rows: list(Message.objects.all() & rows),
    "subquery in a filter": lambda rows: list(Message.objects.filter(pk__in=rows)),
    "subquery of values": lambda rows: list(Message.objects.filter(pk__in=rows.values("pk"))),
    "subquery in an update": lambda rows: Message.objects.filter(pk__in=rows).update(text="overwritten"),
    "subquery in a delete": lambda rows: Message.objects.filter(pk__in=rows).delete(),
    "exists subquery": lambda rows: list(Conversation.objects.filter(Exists(rows))),
    "scalar subquery": lambda rows: list(Conversation.objects.annotate(n=Subquery(rows.values("text")[:1]))),
    "prefetch": lambda rows: list(Conversation.objects.prefetch_related(Prefetch("messages", queryset=rows))),
    "pickle": lambda rows: pickle.dumps(rows),
}


@pytest.mark.parametrize("use", USES_OF_A_QUERY)
def test_a_query_written_in_one_brand_is_not_run_in_another(walled, use):
    with entry.brand(walled.one):
        rows = Message.objects.filter(pk__gt=0).order_by("pk")

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        USES_OF_A_QUERY[use](rows)
    with pytest.raises((CrossedBrands, DatabaseError)):
        USES_OF_A_QUERY[use](rows)


@pytest.mark.parametrize(
    "use", ["iterate", "len", "bool", "index", "count", "exists", "first", "values_list", "pickle"]
)
def test_what_a_query_has_fetched_is_not_shown_elsewhere(walled, use):
    with entry.brand(walled.one):
        rows = Message.objects.order_by("pk")
        assert len(rows) == 1

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        USES_OF_A_QUERY[use](rows)


def test_a_query_written_in_no_brand_serves_each_brand_its_own(walled):
    """As those do that stand in a form or a class body."""
    rows = Message.objects.order_by("pk")

    for brand in walled.brands:
        with entry.brand(brand):
            assert [row.text for row in rows.all()] == [f"{canary_of(brand)}my bag"]


def test_a_query_written_in_no_brand_stays_where_it_was_first_run(walled):
    rows = Message.objects.order_by("pk")
    with entry.brand(walled.one):
        assert len(rows) == 1

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        evaluate(rows)


def test_an_iterator_that_was_begun_in_one_brand_does_not_go_on_in_another(walled):
    """It would put the other brand's stamp on this brand's rows."""
    with entry.brand(walled.one):
        Amplification.objects.bulk_create(
            [Amplification(pk=NEW, of_id=KEY, author_id=1, created_at="2026-11-03T12:00Z")]
        )
        rows = Amplification.objects.order_by("pk").iterator()
        assert next(rows).pk == KEY

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        next(rows)
    with entry.brand(walled.one):
        Amplification.objects.filter(pk=NEW).delete()


def test_an_iterator_that_is_begun_in_another_brand_raises(walled):
    with entry.brand(walled.one):
        rows = Message.objects.iterator()

    with entry.brand(walled.two), pytest.raises(CrossedBrands):
        next(rows)


def test_relations_of_a_brand_that_were_taken_along_raise(walled):
    with entry.brand(walled.one):
        conversation = Conversation.objects.get(pk=KEY)
        manager, rows = (
            conversation.messages,
            conversation.messages.filter(Exists(Message.objects.filter(pk=OuterRef("pk")))),
        )

    with entry.brand(walled.two):
        for take in (manager.all, manager.count, lambda: evaluate(rows), lambda: manager.update(text="")):
            with pytest.raises(CrossedBrands):
                evaluate(take()) if take == manager.all else take()


def test_the_same_keys_are_different_rows_in_each_brand(walled):
    read = {}
    for brand, model in product(walled.brands, (Customer, Conversation, Message, Reply)):
        with entry.brand(brand):
            read[brand.pk, model] = str(model.objects.filter(pk=KEY).values().get())

    for (pk, model), row in read.items():
        if model is not Conversation:
            assert f"canary-{pk}-" in row
        assert not any(canary_of(other) in row for other in walled.brands if other.pk != pk)


def test_every_brand_model_is_guarded_however_it_is_reached():
    loose = [
        (model.__name__, name)
        for model in walls.brand_tables()
        for name in ("_default_manager", "_base_manager", "objects")
        if not issubclass(getattr(model, name)._queryset_class, BrandQuerySet)
    ]

    assert loose == []
