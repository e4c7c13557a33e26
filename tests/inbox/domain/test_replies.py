import ast
import re
from pathlib import Path

import pytest

from accounts.enums import Role
from inbox.domain import posting, replies
from inbox.enums import REPLY_MOVES, EventKind, FoundingDisposition, ReplyStatus
from inbox.models import Event, Reply
from tenants.refusals import NotNow, NotYours, Refusal
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import ConversationFactory, CredentialFactory, MessageFactory, ReplyFactory, at, tweet_id

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def conversation(acme):
    """Jo waits for an answer."""
    return MessageFactory(id=tweet_id(1)).conversation


def compose(conversation, by, text="On our way.", answers_id=None, role=Role.AGENT) -> Reply:
    return replies.compose(
        conversation=conversation, text=text, answers_id=answers_id or tweet_id(1), by=by, role=role, now=NOON
    )


def save_draft(conversation, by, text="On our", answers_id=None, role=Role.AGENT, reply=None) -> Reply:
    return replies.save_draft(
        conversation=conversation, text=text, answers_id=answers_id, by=by, role=role, now=NOON, reply=reply
    )


def test_a_reply_is_approved_by_its_author_as_no_second_person_is_needed(conversation, agent):
    reply = compose(conversation, agent, text="  On our way. \n")

    assert (reply.text, reply.status, reply.author_id, reply.approved_by_id, reply.approved_at) == (
        "On our way.",
        ReplyStatus.APPROVED,
        agent.pk,
        agent.pk,
        NOON,
    )
    assert list(Event.objects.order_by("seq").values_list("kind", "by_id")) == [
        (EventKind.REPLY_COMPOSED, agent.pk),
        (EventKind.REPLY_APPROVED, agent.pk),
    ]


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_reply_is_refused(conversation, agent, text):
    with pytest.raises(NotNow, match=r"^The reply is empty. Write something first.$"):
        compose(conversation, agent, text=text)

    assert not Reply.objects.exists()


def test_280_characters_go_and_281_do_not(conversation, agent):
    with pytest.raises(NotNow, match=r"^The reply is 281 characters long as Twitter counts; 280 are allowed.$"):
        compose(conversation, agent, text="x" * 281)
    with pytest.raises(NotNow, match="282 characters long"):
        compose(conversation, agent, text="字" * 141)
    assert not Reply.objects.exists()

    compose(conversation, agent, text="x" * 280)
    compose(conversation, agent, text="字" * 140)
    assert Reply.objects.count() == 2


def test_a_handle_with_a_longer_limit_may_say_more(conversation, agent):
    CredentialFactory(handle_id=ACME_HANDLE, text_limit=300)

    compose(conversation, agent, text="x" * 300)
    with pytest.raises(NotNow, match="300 are allowed"):
        compose(conversation, agent, text="x" * 301)

    assert Reply.objects.count() == 1


def test_a_closed_conversation_is_not_answered(acme, agent):
    closed = ConversationFactory(
        closed_at=NOON,
        closed_by_id=agent.pk,
        disposition=FoundingDisposition.RESOLVED,
        waiting_since=None,
        respond_by=None,
    )
    MessageFactory(id=tweet_id(1), conversation=closed)

    with pytest.raises(NotNow, match=r"^This conversation is closed. It opens again when the customer writes.$"):
        compose(closed, agent)

    assert not Reply.objects.exists()


def test_a_tweet_of_another_conversation_is_not_answered_here(conversation, agent):
    elsewhere = MessageFactory(id=tweet_id(2))

    for unknown in (elsewhere.pk, tweet_id(3), 2**63):
        with pytest.raises(NotNow, match=r"^The tweet you answer is not in this conversation.$"):
            compose(conversation, agent, answers_id=unknown)

    assert not Reply.objects.exists()


def test_a_deleted_tweet_is_not_answered(conversation, agent):
    MessageFactory(id=tweet_id(2), conversation=conversation, text="", deleted_at=NOON)

    with pytest.raises(NotNow, match=r"^The tweet you answer was deleted. Answer another one of this conversation.$"):
        compose(conversation, agent, answers_id=tweet_id(2))

    assert not Reply.objects.exists()


@pytest.mark.parametrize("role", [Role.CLIENT_VIEWER, Role.CLIENT_APPROVER, "", "director"])
def test_only_the_agencys_people_answer(conversation, agent, role):
    unknown = ReplyFactory(conversation=conversation, **_stuck(ReplyStatus.UNKNOWN, agent))

    with pytest.raises(NotYours, match=r"^You may read this conversation; answering is for the agency's people.$"):
        compose(conversation, agent, role=role)
    with pytest.raises(NotYours, match=r"^You may read this conversation; answering is for the agency's people.$"):
        save_draft(conversation, agent, role=role)
    with pytest.raises(NotYours, match=r"^Deciding about a reply is for agents and supervisors.$"):
        replies.try_again(reply=unknown, by=agent, role=role, now=NOON)
    with pytest.raises(NotYours, match=r"^Deciding about a reply is for agents and supervisors.$"):
        posting.it_was_posted(reply=unknown, tweet_id=tweet_id(9), by=agent, role=role, now=NOON)

    assert [*Reply.objects.values_list("pk", "status")] == [(unknown.pk, ReplyStatus.UNKNOWN)]


@pytest.mark.parametrize("again", ["On our way.", " On  our\nway. ", "@jo0 On our way."])
def test_the_same_words_to_the_same_tweet_are_said_once(conversation, agent, again):
    compose(conversation, agent)

    with pytest.raises(NotNow, match=r"^This very reply is already on its way or posted.$"):
        compose(conversation, agent, text=again)

    MessageFactory(id=tweet_id(2), conversation=conversation)
    compose(conversation, agent, answers_id=tweet_id(2))
    compose(conversation, agent, text="On our way!")
    assert Reply.objects.count() == 3


def test_what_was_deleted_on_twitter_may_be_said_again(conversation, agent):
    posted = ReplyFactory(
        conversation=conversation,
        text="On our way.",
        **{**_stuck(ReplyStatus.POSTED, agent), "twitter_id": tweet_id(5), "posted_at": at(5)},
    )
    ours = MessageFactory(id=tweet_id(5), conversation=conversation, direction="out", reply=posted)
    with pytest.raises(NotNow):
        compose(conversation, agent)

    ours.text, ours.deleted_at = "", NOON
    ours.save()
    compose(conversation, agent)

    assert Reply.objects.count() == 2


# --- trying again


def _stuck(status, agent) -> dict:
    return {
        "status": status,
        "answers_id": tweet_id(1),
        "approved_by_id": agent.pk,
        "approved_at": NOON,
        "posting_since": NOON if status in (ReplyStatus.UNKNOWN, ReplyStatus.POSTING) else None,
        "why": "because",
        "attempt": 1,
    }


@pytest.mark.parametrize("status", [ReplyStatus.UNKNOWN, ReplyStatus.REFUSED])
def test_a_person_has_a_reply_tried_again(conversation, agent, supervisor, status):
    reply = ReplyFactory(conversation=conversation, **_stuck(status, agent))

    replies.try_again(reply=reply, by=supervisor, role=Role.SUPERVISOR, now=at(60))

    reply.refresh_from_db()
    assert (reply.status, reply.why, reply.posting_since) == (ReplyStatus.APPROVED, "", None)
    assert (reply.approved_by_id, reply.approved_at) == (supervisor.pk, at(60))
    assert Event.objects.get().kind == EventKind.REPLY_RETRIED


@pytest.mark.parametrize("status", [ReplyStatus.APPROVED, ReplyStatus.POSTING])
def test_what_is_on_its_way_is_not_tried_again(conversation, agent, status):
    reply = ReplyFactory(conversation=conversation, **_stuck(status, agent))

    with pytest.raises(NotNow, match=r"^There is nothing to decide about this reply any more.$"):
        replies.try_again(reply=reply, by=agent, role=Role.AGENT, now=NOON)

    reply.refresh_from_db()
    assert reply.status == status


def test_a_refused_reply_is_not_tried_again_where_it_could_not_be_written_now(conversation, agent):
    reply = ReplyFactory(conversation=conversation, text="On our way.", **_stuck(ReplyStatus.REFUSED, agent))
    compose(conversation, agent)

    with pytest.raises(NotNow, match="This very reply"):
        replies.try_again(reply=reply, by=agent, role=Role.AGENT, now=NOON)
    conversation.messages.update(text="", reasons=[], deleted_at=NOON)
    with pytest.raises(NotNow, match="was deleted"):
        replies.try_again(reply=reply, by=agent, role=Role.AGENT, now=NOON)
    conversation.closed_at, conversation.closed_by_id, conversation.disposition = (
        NOON,
        agent.pk,
        FoundingDisposition.SPAM,
    )
    conversation.waiting_since = conversation.respond_by = None
    conversation.save()
    with pytest.raises(NotNow, match="is closed"):
        replies.try_again(reply=reply, by=agent, role=Role.AGENT, now=NOON)

    reply.refresh_from_db()
    assert reply.status == ReplyStatus.REFUSED


# --- the moves


def test_the_moves_are_those_of_the_diagram():
    diagram = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", (PROJECT / "docs/replies.md").read_text(), re.DOTALL)
    drawn = set(re.findall(r"^ +(\S+) --> ([^\s:]+)", diagram.group(1), re.MULTILINE))

    table = {(str(before), str(after)) for before, moves in REPLY_MOVES.items() for after in moves}
    assert drawn - {("[*]", "draft"), ("posted", "[*]")} == table
    assert set(REPLY_MOVES) == set(ReplyStatus)


@pytest.mark.parametrize("before", ReplyStatus)
@pytest.mark.parametrize("after", ReplyStatus)
def test_a_reply_moves_as_drawn_and_in_no_other_way(before, after):
    reply = Reply(status=before)

    if after in REPLY_MOVES[before]:
        replies.move(reply, after)
        assert reply.status == after
    else:
        with pytest.raises(ValueError, match=f"does not go from {before} to {after}"):
            replies.move(reply, after)
        assert reply.status == before


def test_nobody_changes_the_state_of_a_reply_but_by_a_move():
    assigning = []
    for path in sorted((PROJECT / "inbox").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            targets = node.targets if isinstance(node, ast.Assign) else []
            assigned = [inner for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Attribute)]
            assigning += [path.name for inner in assigned if inner.attr == "status" and "sandbox" not in path.parts]
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "update":
                assigning += [path.name for word in node.keywords if word.arg == "status"]

    assert assigning == ["replies.py"]


def test_every_refusal_is_a_sentence_for_a_person():
    assert issubclass(NotNow, Refusal)
    domain = [f"inbox/domain/{name}.py" for name in ("replies", "posting", "fates", "parts", "media", "errands")]
    for path in ("inbox/policies.py", *domain):
        for node in ast.walk(ast.parse((PROJECT / path).read_text())):
            if isinstance(node, ast.Raise) and getattr(node.exc.func, "id", "") in ("NotNow", "NotYours"):
                if not isinstance(node.exc.args[0], ast.Constant | ast.JoinedStr):
                    continue  # a sentence that is kept elsewhere: a rule's, or one of a table
                said = ast.unparse(node.exc.args[0]).strip("f'\"")
                assert said[0].isupper(), said
                assert said.endswith("."), said
