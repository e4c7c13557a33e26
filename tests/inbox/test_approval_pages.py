"""The pages of replies that need a second person: approvals, drafts, undo, notes, tags, the settings."""

import pytest
from django.test import Client

from accounts.enums import Role
from accounts.models import User
from inbox.domain import notes, replies
from inbox.enums import ReplyStatus
from inbox.models import ApprovalRule, Conversation, Note, Reply, Tagging
from tenants import entry
from tests.conftest import NOON
from tests.factories import tweet_id
from tests.inbox.test_pages import HTMX, a_conversation, cost, page_of
from tests.visiting import AGENCY, visitor

LIST = "/b/acme/approvals/"


@pytest.fixture
def client(db, house, static_files, _transactions_around) -> Client:
    """An agent on the agency's host."""
    return visitor(AGENCY, house.agent_id)


@pytest.fixture
def supervisor_there(db, house, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, house.supervisor_id)


def a_submitted(number: int, house, *, text: str = "On our way.") -> Reply:
    """A reply of the supervisor's, written as a trainee, that waits for a second person."""
    by = User(pk=house.supervisor_id, name="Supervisor Test")
    with entry.brand(house.acme):
        return replies.compose(
            conversation=a_conversation(number),
            text=text,
            answers_id=tweet_id(number),
            by=by,
            role=Role.TRAINEE,
            now=NOON,
        )


def state_of(reply: Reply, house) -> str:
    with entry.brand(house.acme):
        return str(Reply.objects.values_list("status", flat=True).get(pk=reply.pk))


def test_the_list_of_approvals_costs_the_same_with_one_row_and_with_three(client, house):
    a_submitted(1, house)
    costs = [cost(client, LIST)]

    for number in (2, 3):
        a_submitted(number, house)
    costs.append(cost(client, LIST))

    assert client.get(LIST).text.count('class="approval card"') == 3
    assert costs[0] == costs[1]


def test_an_approver_approves_and_the_list_is_shorter(client, house):
    reply = a_submitted(1, house, text="We <b>know</b>.")
    page = client.get(LIST)
    assert "We &lt;b&gt;know&lt;/b&gt;." in page.text
    assert 'id="approvals-count" data-live="acme:approvals"' in page.text

    answer = client.post(f"/b/acme/replies/{reply.pk}/approval/", {"from_list": "yes"}, headers=HTMX)

    assert (answer.status_code, "Nothing waits for approval" in answer.text) == (200, True)
    assert state_of(reply, house) == ReplyStatus.APPROVED
    again = client.post(f"/b/acme/replies/{reply.pk}/approval/", {"from_list": "yes"}, headers=HTMX)
    assert (again.status_code, "Somebody was quicker" in again.text) == (409, True)


def test_nobody_approves_other_words_than_those_they_read(client, supervisor_there, house):
    reply = a_submitted(1, house, text="On our way.")
    for address in (LIST, page_of(tweet_id(1))):
        assert f'name="seen" value="{replies.seen_as(reply)}"' in client.get(address).text
    with entry.brand(house.acme):
        by = {"by": reply.author, "role": Role.TRAINEE, "now": NOON}
        taken = replies.take_back(reply=reply, **by)
        replies.compose(
            conversation=taken.conversation, text="Get lost.", answers_id=tweet_id(1), reply=taken, **by
        )  # fmt: skip
    asked = {"from_list": "yes", "seen": replies.seen_as(reply)}

    late = client.post(f"/b/acme/replies/{reply.pk}/approval/", asked, headers=HTMX)

    assert (late.status_code, "was changed since you read it" in late.text, "Get lost." in late.text) == (
        409,
        True,
        True,
    )
    assert state_of(reply, house) == ReplyStatus.SUBMITTED


def test_what_is_sent_back_opens_in_its_authors_composer_with_the_reason(client, supervisor_there, house):
    reply = a_submitted(1, house)

    refused = client.post(f"/b/acme/replies/{reply.pk}/sending-back/", {"why": " ", "from_list": "yes"})
    assert (refused.status_code, "Say why" in refused.text) == (409, True)
    client.post(f"/b/acme/replies/{reply.pk}/sending-back/", {"why": "Say <when>.", "from_list": "yes"})

    page = supervisor_there.get(page_of(tweet_id(1))).text
    assert "Sent back by Agent Test:</strong> Say &lt;when&gt;." in page
    assert f'name="reply" id="composer-reply" value="{reply.pk}"' in page
    assert ">On our way.</textarea>" in page


def test_a_reply_taken_back_is_in_the_composer_again(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)
    fields = {"text": "Too quick.", "in_reply_to": found.pk}
    client.post(f"{page_of(found.pk)}replies/", fields)
    with entry.brand(house.acme):
        reply = Reply.objects.get()
    assert f'action="/b/acme/replies/{reply.pk}/undo/"' in client.get(page_of(found.pk)).text

    page = client.post(f"/b/acme/replies/{reply.pk}/undo/", headers=HTMX)

    assert ">Too quick.</textarea>" in page.text
    assert state_of(reply, house) == ReplyStatus.DRAFT


def test_a_draft_is_kept_quietly_and_shown_to_its_author_alone(client, supervisor_there, house):
    with entry.brand(house.acme):
        found = a_conversation(1)

    kept = client.post(f"{page_of(found.pk)}draft/", {"text": "Half a sen", "quietly": "yes"})

    with entry.brand(house.acme):
        assert kept.json() == {"reply": str(Reply.objects.get().pk)}
    assert ">Half a sen</textarea>" in client.get(page_of(found.pk)).text
    assert "Half a sen" not in supervisor_there.get(page_of(found.pk)).text
    refused = client.post(f"{page_of(found.pk)}draft/", {"text": " ", "quietly": "yes"})
    assert (refused.status_code, refused.json()) == (409, {"refused": "The draft is empty. Write something first."})


def test_notes_and_tags_are_written_on_the_page(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)

    client.post(f"{page_of(found.pk)}notes/", {"note": "Call <her>."})
    page = client.post(f"{page_of(found.pk)}tags/", {"tags": "vip, baggage"}, headers=HTMX).text

    assert "Call &lt;her&gt;." in page
    assert page.count('class="tag-off"') == 2
    with entry.brand(house.acme):
        tagging = Tagging.objects.get(tag__name="vip")
        assert Note.objects.count() == 1
    client.post(f"{page_of(found.pk)}tags/", {"off": tagging.tag_id})
    assert client.post(f"{page_of(found.pk)}tags/", {"off": "٣"}).status_code == 409
    with entry.brand(house.acme):
        assert [each.tag.name for each in Tagging.objects.select_related("tag")] == ["baggage"]


def test_a_conversation_is_closed_with_everything_at_once_and_shows_the_dispositions_name(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)

    refused = client.post(f"{page_of(found.pk)}close/", {"disposition": "nothing"})
    page = client.post(
        f"{page_of(found.pk)}close/", {"disposition": "gave_up", "note": "Never wrote.", "tags": "silent"}, headers=HTMX
    )

    assert (refused.status_code, page.status_code) == (409, 200)
    assert "Closed: customer did not come back" in page.text
    with entry.brand(house.acme):
        assert (Conversation.objects.get().disposition, Note.objects.get().text) == ("gave_up", "Never wrote.")


def test_a_supervisor_changes_dispositions_and_tags_but_not_the_rule(client, supervisor_there, house):
    root = "/b/acme/settings/replies/"
    assert client.get(root).status_code == 403
    assert supervisor_there.get("/b/acme/settings/").headers["Location"].endswith(root)

    supervisor_there.post(f"{root}dispositions/", {"name": "At the shop", "resolves": "on"})
    supervisor_there.post(f"{root}dispositions/", {"retire": "spam"})
    supervisor_there.post(f"{root}tags/", {"name": "vip"})
    refused = supervisor_there.post(f"{root}tags/", {"name": " "})
    rule = supervisor_there.post(f"{root}rule/", {"undo_seconds": "0"})

    page = supervisor_there.get(root).text
    assert 'value="At the shop"' in page
    assert '<span class="line-retired">spam</span>' in page
    assert ">vip</bdi>" in page
    assert (refused.status_code, rule.status_code) == (409, 403)
    with entry.brand(house.acme):
        assert ApprovalRule.objects.get().undo_seconds == 5


def test_a_conversation_with_notes_costs_no_more_for_each(client, house):
    by = User(pk=house.agent_id, name="Agent Test")

    def write(found) -> None:
        notes.write(conversation=found, text="Hm.", by=by, role=Role.AGENT, now=NOON)

    with entry.brand(house.acme):
        found = a_conversation(1)
        write(found)
    costs = [cost(client, page_of(found.pk), headers=HTMX)]
    with entry.brand(house.acme):
        write(found)
        write(found)

    assert [*costs, cost(client, page_of(found.pk), headers=HTMX)] == costs * 2
