"""The coach beside the composer and its settings: what the pages answer, and once through in a real browser."""

import pytest
from django.test import Client

from inbox.enums import Direction
from inbox.models import Conversation
from playbooks import queries as playbooks
from playbooks.domain import canned, guidance
from playbooks.enums import Step
from playbooks.models import CannedResponse
from playbooks.models.founding import CANNED
from tenants import entry
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import ConversationFactory, CustomerFactory, MessageFactory, at, tweet_id
from tests.visiting import AGENCY, count_of, queries_counted, visitor

SETTINGS = "/b/acme/settings"


@pytest.fixture
def client(db, house, static_files, _transactions_around) -> Client:
    """An agent on the agency's host."""
    return visitor(AGENCY, house.agent_id)


@pytest.fixture
def guide(db, house, static_files, _transactions_around) -> Client:
    """A supervisor, who may write canned responses and guidance."""
    return visitor(AGENCY, house.supervisor_id)


def a_conversation(house, *, name: str = "Jo Doe", language: str = "en", **more) -> Conversation:
    with entry.brand(house.acme):
        customer = CustomerFactory(name=name, username="jo_doe")
        found = ConversationFactory(id=tweet_id(), customer=customer, language=language, **more)
        MessageFactory(id=tweet_id(), conversation=found)
    return found


def advice(client: Client, found: Conversation, text: str) -> dict:
    answer = client.post(f"/b/acme/conversations/{found.pk}/advice/", {"text": text})
    assert answer.status_code == 200
    return answer.json()


def states(answer: dict) -> dict[str, str]:
    return {light["step"]: light["state"] for light in answer["lights"]}


# --- advice


def test_a_draft_is_answered_with_nine_lights_its_weight_and_how_it_will_look(client, house):
    found = a_conversation(house)

    answer = advice(client, found, "I'm so sorry, Jo 🙈, that must have been awful. See acme.example/help")

    assert states(answer) == {
        "respond_quickly": "unlit",
        "apologise": "lit",
        "empathise": "lit",
        "easy_way": "lit",
        "make_it_right": "unlit",
        "follow_up": "unlit",
        "over_communicate": "unlit",
        "talk_human": "lit",
        "reason_to_return": "unlit",
    }
    assert answer["summary"] == "4 of 9 steps lit: Apologise, Empathise, An easy way to connect, Talk human."
    assert answer["weight"] == len("I'm so sorry, Jo xx, that must have been awful. See acme.example/help")
    assert "Replying to" in answer["preview"]
    assert "@jo_doe" in answer["preview"]


def test_the_places_of_words_are_counted_as_scripts_count(client, house):
    answer = advice(client, a_conversation(house), "🙈🙈 so sorry")

    [apology] = [light for light in answer["lights"] if light["step"] == Step.APOLOGISE]
    assert apology["words"] == [{"text": "so sorry", "start": 5, "end": 13}]


def test_what_we_promised_last_is_brought_to_mind(client, house):
    found = a_conversation(house)
    with entry.brand(house.acme):
        MessageFactory(
            id=tweet_id(60),
            conversation=found,
            direction=Direction.OUTBOUND,
            author_id=ACME_HANDLE,
            text="@jo_doe Hi Jo. I'll get back to you by 6 pm. Ana",
            created_at=at(60),
        )

    lights = {light["step"]: light["sentence"] for light in advice(client, found, "Hello")["lights"]}

    assert lights[Step.FOLLOW_UP] == "We promised: “I'll get back to you by 6 pm”. Say what became of it."


def test_a_language_that_the_coach_does_not_know_is_said_to_be_unknown(client, house):
    answer = advice(client, a_conversation(house, language="fi"), "Olen pahoillani.")

    assert states(answer)["apologise"] == "unknown"


def test_a_text_of_any_kind_is_answered(client, house):
    found = a_conversation(house)

    for text in ("", " ", "{", "\x00", "🙈" * 50, "x" * 24_000, "<script>alert(1)</script>", "sorry " * 4_000):
        answer = advice(client, found, text)
        assert len(answer["lights"]) == 9
        assert "<script>" not in answer["preview"]


def test_a_text_that_is_too_long_is_cut_in_the_preview_where_twitter_ends(client, house):
    answer = advice(client, a_conversation(house), "a" * 281)

    assert f"{'a' * 280}…" in answer["preview"]
    assert "a" * 281 not in answer["preview"]


def test_a_link_is_shown_without_its_protocol_and_cut(client, house):
    preview = advice(client, a_conversation(house), "See https://www.acme.example.com/help/lost-property/forms?id=7")[
        "preview"
    ]

    assert '<span class="tweet-token">acme.example.com/help/lost…</span>' in preview


def test_a_stranger_and_a_conversation_that_is_not_there_get_nothing(house, client, static_files):
    found = a_conversation(house)

    assert visitor(AGENCY).post(f"/b/acme/conversations/{found.pk}/advice/", {"text": "x"}).status_code == 302
    assert client.post(f"/b/acme/conversations/{found.pk + 1}/advice/", {"text": "x"}).status_code == 404
    assert client.get(f"/b/acme/conversations/{2**64}/canned/").status_code == 404


# --- canned responses for a conversation


def test_what_is_known_is_filled_in_and_the_rest_left_to_the_person(client, house):
    found = a_conversation(house, name="Jo Doe")

    answer = client.get(f"/b/acme/conversations/{found.pk}/canned/").json()

    assert len(answer["canned"]) == len(CANNED)
    [first_word] = [row["text"] for row in answer["canned"] if row["name"] == "First word"]
    assert first_word.startswith("Hi Jo, I've seen this")
    assert first_word.endswith("– Agent")
    assert "{time}" in first_word


@pytest.mark.parametrize("name", ["", "🌙🌙", "x", "l33t h4x0r", "{agent}", "<b>Jo</b>"])
def test_a_customer_without_a_name_to_call_by_is_called_by_username(client, house, name):
    found = a_conversation(house, name=name)

    rows = client.get(f"/b/acme/conversations/{found.pk}/canned/").json()["canned"]

    assert next(row["text"] for row in rows if row["name"] == "First word").startswith("Hi @jo_doe, ")


def test_those_in_the_customers_language_come_first(client, house):
    found = a_conversation(house, language="es")
    with entry.brand(house.acme):
        canned.add(name="Zzz", text="Lo siento, {name}.", language="es", now=NOON)

    rows = client.get(f"/b/acme/conversations/{found.pk}/canned/").json()["canned"]

    assert rows[0]["name"] == "Zzz"


# --- settings


def test_canned_responses_are_listed_added_changed_and_retired(guide, house):
    given = {"name": "Lost bag", "text": "Hi {name}, bag {number} is found.", "language": "en"}
    assert guide.post(f"{SETTINGS}/canned/", given).status_code == 302
    with entry.brand(house.acme):
        pk = CannedResponse.objects.get(name="Lost bag").pk

    assert "bag {number} is found" in guide.get(f"{SETTINGS}/canned/").content.decode()
    assert "Change “Lost bag”" in guide.get(f"{SETTINGS}/canned/{pk}/").content.decode()
    assert guide.post(f"{SETTINGS}/canned/{pk}/", given | {"name": "Found bag"}).status_code == 302
    assert guide.post(f"{SETTINGS}/canned/{pk}/retirement/").status_code == 302
    assert "Found bag" not in guide.get(f"{SETTINGS}/canned/").content.decode()


def test_a_bad_canned_response_is_refused_in_words_and_nothing_typed_is_lost(guide):
    answer = guide.post(f"{SETTINGS}/canned/", {"name": "Odd", "text": "Hi {name, bye", "language": "en"})

    assert answer.status_code == 409
    assert "A { is never closed" in answer.content.decode()
    assert "Hi {name, bye</textarea>" in answer.content.decode()


@pytest.mark.parametrize(
    ("text", "state", "sentence"),
    [
        ("Hi {name}", "fine", "278 left for 1 blank."),
        ("x" * 275 + "{name}", "near", "5 left for 1 blank: that may not fit."),
        ("x" * 290, "over", "10 too long for a tweet, whatever the blanks hold."),
        ("a}", "over", "A } closes nothing. Write a blank like {order number}, or }} for a brace."),
    ],
)
def test_it_is_said_while_typing_whether_it_will_fit(guide, text, state, sentence):
    answer = guide.post(f"{SETTINGS}/canned/weight/", {"text": text}).json()

    assert (answer["state"], answer["sentence"]) == (state, sentence)


def test_the_list_costs_the_same_with_few_and_with_many(guide, house):
    guide.get(f"{SETTINGS}/canned/")
    with queries_counted() as few:
        guide.get(f"{SETTINGS}/canned/")
    with entry.brand(house.acme):
        for number in range(3):
            canned.add(name=f"More {number}", text="Hi.", language="en", now=NOON)

    with queries_counted() as many:
        guide.get(f"{SETTINGS}/canned/")

    assert count_of(few) == count_of(many)


def test_the_playbook_is_changed_step_by_step(guide, house):
    given = {"step": "apologise", "sentence": "Say it plainly.", "more_words": "our bad, soz", "is_quiet": "on"}
    assert guide.post(f"{SETTINGS}/playbook/", given).status_code == 302

    with entry.brand(house.acme):
        changed = playbooks.guidance()[Step.APOLOGISE]
        assert (changed.sentence, changed.more_words, changed.is_quiet) == ("Say it plainly.", ["our bad", "soz"], True)
    assert "Say it plainly." in guide.get(f"{SETTINGS}/playbook/").content.decode()


def test_what_cannot_be_kept_in_the_playbook_is_said_and_not_lost(guide):
    given = {"step": "apologise", "sentence": " ", "more_words": "keep me"}

    answer = guide.post(f"{SETTINGS}/playbook/", given)

    assert answer.status_code == 409
    assert "Write a sentence for the agent" in answer.content.decode()
    assert 'value="keep me"' in answer.content.decode()
    assert guide.post(f"{SETTINGS}/playbook/", {"step": "nonsense"}).status_code == 409


def test_the_brands_words_count_in_the_trial_and_a_quiet_step_is_not_shown(guide, house):
    with entry.brand(house.acme):
        guidance.change(step=Step.APOLOGISE, sentence="Sorry.", more_words=["hand on heart"], is_quiet=False)
        guidance.change(step=Step.REASON_TO_RETURN, sentence="Return.", more_words=[], is_quiet=True)

    answer = guide.post(f"{SETTINGS}/playbook/trial/", {"text": "Hand on  heart", "language": "en"}).json()

    assert states(answer)["apologise"] == "lit"
    assert len(answer["lights"]) == 8


def test_an_agent_may_not_change_what_everybody_uses(client):
    assert client.get(f"{SETTINGS}/canned/").status_code == 403
    assert client.post(f"{SETTINGS}/playbook/", {"step": "apologise"}).status_code == 403
