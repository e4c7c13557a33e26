"""A brand's API: what programs read and write, page by page, once and no more; and how they are refused."""

import json

import pytest
from django.conf import settings
from django.utils.http import quote

from accounts.enums import Role
from inbox.enums import EventKind, ReplyStatus
from inbox.models import ApprovalRule, IdempotentCall, Note, Reply, Tagging
from tenants import entry
from tests.conftest import NOON
from tests.factories import (
    ConversationFactory,
    EventFactory,
    MessageFactory,
    NoteFactory,
    ReplyFactory,
    TagFactory,
    TaggingFactory,
    at,
    tweet_id,
)
from tests.programs import Program, key_of
from tests.visiting import AGENCY, CANARY, count_of, queries_counted


@pytest.fixture
def conversation(db, house, _transactions_around):
    """One of acme's, with a message of the customer's."""
    with entry.brand(house.acme):
        made = ConversationFactory(id=tweet_id(1))
        MessageFactory(id=tweet_id(1), conversation=made, text="@AcmeAir my bag?")
    return made


@pytest.fixture
def inside(db, house, _transactions_around):
    """Looks, or makes something, inside acme."""

    def do(act):
        with entry.brand(house.acme):
            return act()

    return do


def reply_to(conversation, text="We look into it.") -> dict[str, str]:
    return {"conversation_id": str(conversation.pk), "answers_id": str(conversation.pk), "text": text}


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_conversation_is_read_with_ids_in_strings_and_names_of_people(program, conversation, inside, house):
    tag = inside(lambda: TagFactory(name="lost luggage"))
    inside(lambda: TaggingFactory(conversation=conversation, tag=tag, tagged_by_id=house.agent_id))
    inside(
        lambda: (
            type(conversation).objects.filter(pk=conversation.pk).update(assignee_id=house.agent_id, assigned_at=NOON)
        )
    )

    answer = program().get(f"conversations/{conversation.pk}/")

    said = answer.json()
    assert answer.status_code == 200
    assert (said["id"], said["customer"]["id"]) == (str(conversation.pk), str(conversation.customer_id))
    assert said["assignee"] == {"id": str(house.agent_id), "name": "Agent Test"}
    assert said["tags"] == ["lost luggage"]
    assert said["urgency"] == "normal"


def test_a_list_comes_in_pages_that_tell_each_row_once(program, inside):
    made = inside(lambda: [ConversationFactory(id=tweet_id(n), last_message_at=at(n // 2)).pk for n in range(1, 8)])

    ours, path, seen = program(), "conversations/?limit=3", []
    while path:
        said = ours.get(path).json()
        seen.append([int(row["id"]) for row in said["results"]])
        path = (said["next"] or "").removeprefix("/api/v1/")

    assert [len(page) for page in seen] == [3, 3, 1]
    assert sum(seen, []) == sorted(made, reverse=True)


@pytest.mark.parametrize("name", ["waiting", "mine", "unassigned", "closed"])
def test_every_list_of_the_inbox_can_be_read_to_its_end(program, inside, admin, name):
    fields = {
        "waiting": {},
        "unassigned": {},
        "mine": {"assignee_id": admin.pk, "assigned_at": NOON},
        "closed": {
            "closed_at": NOON,
            "closed_by_id": admin.pk,
            "disposition": "spam",
            "waiting_since": None,
            "respond_by": None,
        },
    }[name]
    made = inside(lambda: {ConversationFactory(id=tweet_id(n), **fields).pk for n in range(1, 6)})

    ours, path, seen = program(), f"conversations/?list={name}&limit=2", []
    while path:
        said = ours.get(path).json()
        seen += [int(row["id"]) for row in said["results"]]
        path = (said["next"] or "").removeprefix("/api/v1/")

    assert (len(seen), set(seen)) == (5, made)


def test_conversations_are_narrowed_by_tag_assignee_and_time(program, inside, house):
    old, new = inside(lambda: (ConversationFactory(id=tweet_id(1)), ConversationFactory(id=tweet_id(2))))
    inside(lambda: TaggingFactory(conversation=old, tag=TagFactory(name="VIP"), tagged_by_id=house.agent_id))
    inside(lambda: type(new).objects.filter(pk=new.pk).update(last_message_at=at(60)))
    inside(lambda: type(new).objects.filter(pk=new.pk).update(assignee_id=house.agent_id, assigned_at=NOON))

    ours = program()
    found = {
        query: [int(row["id"]) for row in ours.get(f"conversations/?{query}").json()["results"]]
        for query in ("tag=vip", f"assignee={house.agent_id}", f"since={quote(at(30).isoformat())}", "tag=none")
    }

    assert list(found.values()) == [[old.pk], [new.pk], [new.pk], []]


def test_messages_and_customers_are_read(program, conversation):
    ours = program()

    messages = ours.get(f"conversations/{conversation.pk}/messages/").json()["results"]
    customers = ours.get("customers/").json()["results"]

    assert [(row["id"], row["direction"], row["text"]) for row in messages] == [
        (str(conversation.pk), "inbound", "@AcmeAir my bag?")
    ]
    assert messages[0] == ours.get(f"messages/{conversation.pk}/").json()
    assert customers == [ours.get(f"customers/{conversation.customer_id}/").json()]


def test_events_come_in_order_and_nothing_is_skipped(program, inside):
    inside(lambda: [EventFactory(seq=900 + n) for n in range(1, 6)])

    ours, since, seen = program(), 0, []
    while True:
        said = ours.get(f"events/?since={since}&limit=2").json()
        seen += [row["seq"] for row in said["results"]]
        if not said["results"]:
            break
        since = said["next_since"]

    assert seen == [901, 902, 903, 904, 905]
    assert said["next_since"] == 905


def test_the_brand_and_its_report_are_read(program, house, inside, conversation):
    ours = program()

    brand, report = ours.get("brand/").json(), ours.get("reports/first-response/?start=2026-11-01T00:00:00Z").json()

    assert (brand["name"], brand["handles"][0]["username"], brand["state"]) == ("Acme Air", "AcmeAir", "live")
    assert (report["answered"], report["median_s"]) == (0, None)


@pytest.mark.parametrize("path", ["conversations/", "replies/", "notes/", "customers/", "tags/", "events/"])
def test_three_rows_cost_as_many_queries_as_one(program, inside, house, path):
    ours, costs = program(), []
    ours.get(path)
    for number in (1, 2, 3):
        inside(lambda n=number: _one_of_each(house, n))
        if number != 2:
            with queries_counted() as counted:
                answer = ours.get(path)
            costs.append(count_of(counted))

    assert answer.status_code == 200
    assert len(answer.json()["results"]) == 3
    assert costs[0] == costs[1]


def _one_of_each(house, number):
    made = ConversationFactory(id=tweet_id(number), assignee_id=house.agent_id, assigned_at=NOON)
    ReplyFactory(conversation=made, author_id=house.agent_id, status=ReplyStatus.SUBMITTED, submitted_at=NOON)
    NoteFactory(conversation=made, noted_by_id=house.agent_id)
    TaggingFactory(conversation=made, tag=TagFactory(name=f"tag {number}"), tagged_by_id=house.agent_id)
    EventFactory(seq=700 + number, by_id=house.agent_id)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_reply_is_written_as_the_brands_rule_has_it(program, conversation, inside):
    ours = program()

    at_once = ours.post("replies/", reply_to(conversation))
    inside(lambda: ApprovalRule.objects.update(supervisors_need_approval=True))
    waits = ours.post("replies/", reply_to(conversation, "One more thing."))

    assert (at_once.status_code, at_once.json()["status"]) == (201, "approved")
    assert (waits.status_code, waits.json()["status"], waits.json()["needs_approval"]) == (201, "submitted", True)
    assert waits.json()["author"]["name"] == "Ada Min"
    assert waits.json() == ours.get(f"replies/{waits.json()['id']}/").json()


def test_a_reply_is_approved_changed_and_sent_back(program, conversation, inside, house):
    waiting = inside(
        lambda: [
            ReplyFactory(
                conversation=conversation,
                author_id=house.agent_id,
                status=ReplyStatus.SUBMITTED,
                needs_approval=True,
                submitted_at=NOON,
            ).pk
            for _ in range(3)
        ]
    )

    ours = program()
    approved = ours.post(f"replies/{waiting[0]}/approval/", {})
    changed = ours.post(f"replies/{waiting[1]}/approval/", {"text": "In better words."})
    returned = ours.post(f"replies/{waiting[2]}/return/", {"why": "Say which bag."})

    assert [answer.status_code for answer in (approved, changed, returned)] == [201, 201, 201]
    assert (approved.json()["status"], approved.json()["approved_by"]["name"]) == ("approved", "Ada Min")
    assert changed.json()["text"] == "In better words."
    assert (returned.json()["status"], returned.json()["why"]) == ("sent_back", "Say which bag.")


def test_nobody_approves_what_they_wrote_themselves(program, conversation, inside):
    inside(lambda: ApprovalRule.objects.update(supervisors_need_approval=True))
    ours = program()
    reply = ours.post("replies/", reply_to(conversation)).json()

    answer = ours.post(f"replies/{reply['id']}/approval/", {})

    assert answer.status_code == 403
    assert answer.json()["detail"] == "Somebody else approves what you wrote. You can take it back and change it."


def test_notes_and_tags_are_put_beside_a_conversation_and_taken_off(program, conversation, inside):
    ours = program()

    note = ours.post("notes/", {"conversation_id": str(conversation.pk), "text": "He knows the hotline."})
    tagging = ours.post(f"conversations/{conversation.pk}/tags/", {"name": "lost luggage"})
    listed = ours.get(f"conversations/{conversation.pk}/tags/").json()["results"]
    gone = ours.ask("delete", f"conversations/{conversation.pk}/tags/{tagging.json()['tag']['id']}/")

    assert (note.status_code, note.json()["noted_by"]["name"]) == (201, "Ada Min")
    assert [row["tag"]["name"] for row in listed] == ["lost luggage"]
    assert (gone.status_code, gone.content) == (204, b"")
    assert inside(lambda: (Note.objects.count(), Tagging.objects.count())) == (1, 0)


# --- once, and no more ------------------------------------------------------------------------------------------------


def test_the_same_write_again_gets_the_same_answer_and_is_not_done_twice(program, conversation, inside):
    ours = program()

    first = ours.post("replies/", reply_to(conversation), Idempotency_Key="a")
    again = ours.post("replies/", reply_to(conversation), Idempotency_Key="a")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert inside(Reply.objects.count) == 1


def test_another_write_under_the_same_name_is_refused(program, conversation, inside):
    ours = program()
    ours.post("replies/", reply_to(conversation), Idempotency_Key="a")

    answer = ours.post("replies/", reply_to(conversation, "Something else."), Idempotency_Key="a")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["header"] == "Idempotency-Key"
    assert inside(Reply.objects.count) == 1


def test_a_write_that_was_refused_may_be_made_again_under_its_name(program, conversation, inside):
    ours = program()
    inside(lambda: type(conversation).objects.filter(pk=conversation.pk).update(id=conversation.pk))
    refused = ours.post("replies/", reply_to(conversation, "x" * 281), Idempotency_Key="a")

    done = ours.post("replies/", reply_to(conversation, "Shorter."), Idempotency_Key="a")

    assert (refused.status_code, done.status_code) == (409, 201)


def test_names_of_writes_are_each_keys_own(program, conversation, inside):
    one, another = program(), program()

    first = one.post("notes/", {"conversation_id": str(conversation.pk), "text": "One."}, Idempotency_Key="a")
    second = another.post("notes/", {"conversation_id": str(conversation.pk), "text": "Two."}, Idempotency_Key="a")

    assert (first.status_code, second.status_code) == (201, 201)
    assert inside(Note.objects.count) == 2


def test_a_write_without_a_body_is_remembered_too(program, conversation, inside, house):
    tag = inside(lambda: TagFactory(name="vip"))
    ours, path = program(), f"conversations/{conversation.pk}/tags/{tag.pk}/"

    first, again = (ours.ask("delete", path, Idempotency_Key="a") for _ in range(2))

    assert (first.status_code, again.status_code, again.headers["Idempotency-Replayed"]) == (204, 204, "true")


def test_after_a_day_a_name_is_free_again(program, conversation, inside):
    ours = program()
    note = {"conversation_id": str(conversation.pk), "text": "Again."}
    ours.post("notes/", note, Idempotency_Key="a")
    inside(lambda: IdempotentCall.objects.update(begun_at=NOON.replace(year=2020)))

    answer = ours.post("notes/", note, Idempotency_Key="a")

    assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (201, False)
    assert inside(Note.objects.count) == 2


@pytest.mark.parametrize("name", ["", " ", "x" * 256, "a b"])
def test_a_name_that_is_none_is_refused(program, conversation, inside, name):
    answer = program().post("replies/", reply_to(conversation), Idempotency_Key=name)

    assert answer.status_code == 422
    assert inside(Reply.objects.count) == 0


# --- what was seen ----------------------------------------------------------------------------------------------------


def test_what_is_known_already_is_not_sent_again(program, conversation, inside):
    ours, path = program(), f"conversations/{conversation.pk}/"
    tag = ours.get(path).headers["ETag"]

    same = ours.get(path, If_None_Match=tag)
    inside(lambda: type(conversation).objects.filter(pk=conversation.pk).update(message_count=9))
    changed = ours.get(path, If_None_Match=tag)

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert (changed.status_code, changed.json()["message_count"]) == (200, 9)


def test_a_reply_that_changed_since_is_not_approved(program, conversation, inside, house):
    reply = inside(
        lambda: ReplyFactory(
            conversation=conversation, author_id=house.agent_id, status=ReplyStatus.SUBMITTED, submitted_at=NOON
        )
    )
    ours = program()
    seen = ours.get(f"replies/{reply.pk}/").headers["ETag"]
    inside(lambda: Reply.objects.filter(pk=reply.pk).update(text="Something else."))

    stale = ours.post(f"replies/{reply.pk}/approval/", {}, If_Match=seen)
    fresh = ours.post(f"replies/{reply.pk}/approval/", {}, If_Match=ours.get(f"replies/{reply.pk}/").headers["ETag"])

    assert (stale.status_code, fresh.status_code) == (412, 201)
    assert stale.json()["detail"] == "This was changed since you read it. Read it again, and decide anew."


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "kind"),
    [
        ("post", "replies/", "{", {}, 400, "malformed"),
        ("post", "replies/", "[" * 100_000, {}, 400, "malformed"),
        ("post", "replies/", b"\xff\xfe", {}, 400, "malformed"),
        ("post", "replies/", '{"text": NaN}', {}, 400, "malformed"),
        ("post", "replies/", "[]", {}, 422, "not-understood"),
        ("post", "replies/", "{}", {}, 422, "not-understood"),
        ("post", "replies/", '{"text": "a\\u0000b"}', {}, 422, "not-understood"),
        ("post", "replies/", '{"text": "\\ud800"}', {}, 422, "not-understood"),
        ("post", "replies/", '{"surprise": 1}', {}, 422, "not-understood"),
        ("post", "replies/", '"' + "x" * 1_000_001 + '"', {}, 413, "too-much"),
        ("post", "replies/", "text=hello", {"Content_Type": "text/plain"}, 415, "media-type"),
        ("get", "replies/", None, {"Accept": "text/html"}, 406, "not-acceptable"),
        ("get", "replies/?limit=0", None, {}, 422, "not-understood"),
        ("get", "replies/?limit=1e3", None, {}, 422, "not-understood"),
        ("get", "replies/?limit=5&limit=6", None, {}, 422, "not-understood"),
        ("get", "replies/?page=2", None, {}, 422, "not-understood"),
        ("get", "replies/?cursor=%00", None, {}, 422, "not-understood"),
        ("get", "replies/?cursor=bm90aGluZw==", None, {}, 422, "not-understood"),
        ("get", "conversations/?tag=%00", None, {}, 422, "not-understood"),
        ("get", "conversations/?since=yesterday", None, {}, 422, "not-understood"),
        ("get", "conversations/?since=0001-01-01T00:00:00%2B23:00", None, {}, 422, "not-understood"),
        ("get", "events/?since=9223372036854775808", None, {}, 422, "not-understood"),
        ("get", "conversations/?assignee=99999999999999999999", None, {}, 422, "not-understood"),
        ("get", "conversations/9223372036854775808/", None, {}, 404, "not-found"),
        ("get", "conversations/99999999999999999999999999/", None, {}, 404, "not-found"),
        ("get", "conversations/0/", None, {}, 404, "not-found"),
        ("get", "replies/7%00/", None, {}, 404, "not-found"),
        ("get", "nothing/", None, {}, 404, "not-found"),
        ("get", "conversations", None, {}, 404, "not-found"),
        ("put", "replies/", None, {}, 405, "method"),
        ("options", "replies/", None, {}, 405, "method"),
    ],
)
def test_every_mistake_is_answered_with_a_problem_that_says_what_to_do(
    program, method, path, body, headers, status, kind
):
    ours, sent = program(), {"Content_Type": "application/json", **headers}
    more = {"data": body, "content_type": sent.pop("Content_Type")} if body is not None else {}
    headers = {"Authorization": f"Bearer {ours.secret}", **headers}

    answer = getattr(ours.client, method)(f"/api/v1/{path}", headers=headers, **more)

    said = json.loads(answer.content)
    assert (answer.status_code, said["status"], said["type"]) == (status, status, f"urn:nightjar:problem:{kind}")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(said) >= {"title", "detail", "instance"}
    assert said["detail"].endswith((".", "/"))
    assert not answer.cookies


def test_each_mistake_in_a_body_is_pointed_at(program, conversation):
    body = {"conversation_id": 7, "answers_id": "x", "text": "  ", "colour/s": 1}

    by_field = program().post("replies/", body).json()["errors"]
    without_stranger = program().post("replies/", {k: v for k, v in body.items() if k != "colour/s"}).json()["errors"]

    assert [each["pointer"] for each in by_field] == ["#/colour~1s"]
    assert [each["pointer"] for each in without_stranger] == ["#/conversation_id", "#/answers_id", "#/text"]


def test_a_refusal_of_the_domain_is_said_in_its_own_words(program, conversation):
    ours = program()
    ours.post("replies/", reply_to(conversation))

    answer = ours.post("replies/", reply_to(conversation))

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:nightjar:problem:not-now")
    assert answer.json()["detail"] == "This very reply is already on its way or posted."


def test_a_key_may_do_only_what_its_scopes_say(program, conversation):
    ours = program(["conversations:read"])

    refused = ours.post("replies/", reply_to(conversation))

    assert ours.get("conversations/").status_code == 200
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:nightjar:problem:missing-scope")
    assert "replies:write" in refused.json()["detail"]


def test_a_key_of_one_brand_opens_no_other(program, house, admin):
    _, secret = key_of(house, admin.pk)

    answers = [Program(host, secret).get(path) for host, path in ((CANARY, "brand/"), (AGENCY, "brands/"))]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert [answer.json()["type"] for answer in answers] == ["urn:nightjar:problem:host"] * 2


def test_clients_people_never_get_notes_nor_learn_of_them(program, conversation, inside, clients):
    inside(lambda: NoteFactory(conversation=conversation, noted_by_id=clients["agent"]))
    inside(lambda: [EventFactory(seq=801, kind=EventKind.NOTED), EventFactory(seq=802)])
    theirs = program(by=clients[Role.CLIENT_VIEWER])

    notes, events = theirs.get("notes/"), theirs.get("events/").json()

    assert (notes.status_code, notes.json()["type"]) == (403, "urn:nightjar:problem:not-yours")
    assert ([row["seq"] for row in events["results"]], events["next_since"]) == ([802], 802)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "replies/", {}),
        ("post", "notes/", {}),
        ("post", "conversations/7/tags/", {"name": "vip"}),
        ("post", "replies/7/approval/", {}),
        ("delete", "conversations/7/tags/7/", None),
    ],
)
def test_clients_people_who_look_on_write_nothing(program, conversation, clients, method, path, body):
    answer = program(by=clients[Role.CLIENT_VIEWER]).ask(method, path, body)

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:nightjar:problem:not-yours")


@pytest.fixture
def clients(house, db, _transactions_around, clients_ids):
    return {**clients_ids, "agent": house.agent_id}


# --- how often --------------------------------------------------------------------------------------------------------


def test_a_key_that_asks_too_often_is_told_when_to_go_on(program, conversation, monkeypatch):
    monkeypatch.setitem(settings.API_CALLS_A_MINUTE, "read", 2)
    ours, another = program(), program()

    answers = [ours.get("brand/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert another.get("brand/").status_code == 200
