"""Every kind of thing that goes out, each with how it is begun, seen on Twitter, and decided about by a person."""

import io
import json
from collections.abc import Callable
from typing import Any

from PIL import Image

from accounts.enums import Role
from inbox.domain import errands, media, posting, replies
from inbox.domain.fates import Connect
from inbox.enums import ErrandKind, ErrandState, ReplyStatus, ReplyWay
from inbox.models import Errand, Message, Reply
from inbox.twitter.client import Twitter
from tests.inbox.domain.posting_scene import Death, Scene

ANSWER = "It is on its way to you, and there by noon."
SENTENCE = "We are sorry about the bag and look for it at every belt of the airport today. "


def picture() -> bytes:
    """A small photo."""
    kept = io.BytesIO()
    Image.new("RGB", (8, 8), "navy").save(kept, "PNG")
    return kept.getvalue()


class Dying(Twitter):
    """A poster's Twitter that takes its process with it: before the call, or when Twitter has answered."""

    dies = ""
    path = "/2/"

    def write(self, method: str, path: str, *about: Any, **request: Any) -> Any:
        is_meant = not path.startswith("/2/media")
        if is_meant and self.dies == "before":
            raise Death
        outcome = super().write(method, path, *about, **request)
        if is_meant and self.dies == "after":
            raise Death
        return outcome


class Outgoing:
    """One act of this kind in a scene, whose plain reply is out of the way."""

    kind = ""
    fault_act = "tweet"

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        scene.post()
        assert scene.status() == ReplyStatus.POSTED
        self.first_id = scene.state()[1] or 0
        self.begin()

    def begin(self) -> None:
        raise NotImplementedError

    def run(self, connect: Connect, passing: Callable[[str], object] = str) -> None:
        raise NotImplementedError

    def sweep(self) -> None:
        connect = self.scene.connect()
        posting.find_out(connect=connect, clock=self.scene.clock)
        errands.find_out(connect=connect, clock=self.scene.clock)
        posting.post_waiting(connect=connect, clock=self.scene.clock)
        errands.run_waiting(connect=connect, clock=self.scene.clock)

    def connect(self, dies: str = "") -> Connect:
        made = self.scene.connect()

        def connect(handle_id: int) -> Twitter:
            twitter = made(handle_id)
            twitter.__class__ = Dying
            twitter.dies = dies  # type: ignore[attr-defined]
            return twitter

        return connect

    def on_twitter(self) -> list[int]:
        """The ids of what Twitter has of this act; one, if it was done once."""
        raise NotImplementedError

    def is_known(self) -> bool:
        raise NotImplementedError

    def is_before_a_person(self) -> bool:
        raise NotImplementedError

    def person_decides(self) -> None:
        raise NotImplementedError


class OneReply(Outgoing):
    way = ReplyWay.PUBLIC

    def begin(self) -> None:
        self.reply = self.compose(ANSWER)

    def compose(self, text: str, **more: Any) -> Reply:
        scene = self.scene
        conversation = scene.reply.conversation
        about = {"answers_id": scene.opening, "by": scene.agent, "role": Role.AGENT, "now": scene.clock()}
        return replies.compose(conversation=conversation, text=text, way=self.way, **about, **more)

    def run(self, connect: Connect, passing: Callable[[str], object] = str) -> None:
        posting.post_waiting(connect=connect, clock=self.scene.clock, passing=passing)

    def on_twitter(self) -> list[int]:
        return [int(line["id"]) for line in self.scene.own_lines() if int(line["id"]) != self.first_id]

    def is_known(self) -> bool:
        return self.scene.state(self.reply) == (ReplyStatus.POSTED, *self.on_twitter()[:1])

    def is_before_a_person(self) -> bool:
        return self.scene.status(self.reply) in (ReplyStatus.UNKNOWN, ReplyStatus.REFUSED)

    def person_decides(self) -> None:
        found = self.on_twitter()
        scene = self.scene
        if found:
            posting.it_was_posted(
                reply=self.reply, tweet_id=found[0], by=scene.agent, role=Role.AGENT, now=scene.clock()
            )
        else:
            scene.try_again(self.reply)


class Quote(OneReply):
    kind, way = "quote", ReplyWay.QUOTE


class WithPhoto(OneReply):
    kind = "with a photo"

    def begin(self) -> None:
        scene = self.scene
        about = {"by": scene.agent, "role": Role.AGENT, "now": scene.clock()}
        draft = replies.save_draft(
            conversation=scene.reply.conversation, text=ANSWER, answers_id=scene.opening, **about
        )
        media.attach(reply=draft, content=picture(), alt_text="A blue square", **about)
        self.reply = replies.submit(reply=draft, **about)


class Private(OneReply):
    kind, way, fault_act = "private", ReplyWay.PRIVATE, "private"

    def on_twitter(self) -> list[int]:
        lines = self.scene.twitter.http.get("/sandbox/ledger", params={"kind": "private"}).text.splitlines()
        sent = [json.loads(line) for line in lines]
        return [int(line["id"]) for line in sent if line["author_id"] == str(self.scene.handle_id)]


class FurtherPart(OneReply):
    """The second part of an answer in two: the first is out."""

    kind = "further part"

    def begin(self) -> None:
        head = self.compose(SENTENCE * 5, in_parts=True)
        posting_one_only(self.scene)
        assert self.scene.status(head) == ReplyStatus.POSTED
        self.head_id = self.scene.state(head)[1]
        self.reply = Reply.objects.get(follows=head)

    def on_twitter(self) -> list[int]:
        lines = self.scene.own_lines()
        return [int(line["id"]) for line in lines if line["in_reply_to_tweet_id"] == str(self.head_id)]


def posting_one_only(scene: Scene) -> None:
    """Post what is first in the line, and nothing after it."""
    reply = posting.claim(now=scene.clock())
    assert reply
    with scene.connect()(scene.handle_id) as twitter:
        outcome = twitter.create_reply(text=reply.text, in_reply_to_id=reply.answers_id)
    posting.settle(reply_id=reply.pk, attempt=reply.attempt, outcome=outcome, now=scene.clock())


class OneErrand(Outgoing):
    what = ErrandKind.DELETE

    def about(self) -> Message:
        return Message.objects.get(pk=self.first_id)

    def begin(self) -> None:
        scene = self.scene
        self.errand = errands.want(
            message=self.about(), kind=self.what, text=self.words(), by=scene.agent, role=Role.SUPERVISOR,
            now=scene.clock(),
        )  # fmt: skip

    def words(self) -> str:
        return ""

    def run(self, connect: Connect, passing: Callable[[str], object] = str) -> None:
        errands.run_waiting(connect=connect, clock=self.scene.clock, passing=passing)

    def now(self) -> Errand:
        return Errand.objects.get(pk=self.errand.pk)

    def is_known(self) -> bool:
        return self.now().state == ErrandState.DONE

    def is_before_a_person(self) -> bool:
        return self.now().state in (ErrandState.REFUSED, ErrandState.UNKNOWN)

    def person_decides(self) -> None:
        scene = self.scene
        decide = errands.it_was_done if self.on_twitter() else errands.try_again
        decide(errand=self.errand, by=scene.agent, role=Role.SUPERVISOR, now=scene.clock())


class Delete(OneErrand):
    kind, fault_act = "delete", "delete"

    def on_twitter(self) -> list[int]:
        return [] if self.first_id in self.scene.on_twitter() else [self.first_id]


class OnOurQuote(OneErrand):
    """An errand about a tweet of ours that begins a tree of its own."""

    def begin(self) -> None:
        scene = self.scene
        quote = replies.compose(
            conversation=scene.reply.conversation, text=ANSWER, answers_id=scene.opening, way=ReplyWay.QUOTE,
            by=scene.agent, role=Role.AGENT, now=scene.clock(),
        )  # fmt: skip
        scene.post()
        self.first_id = scene.state(quote)[1]
        super().begin()


class Edit(OnOurQuote):
    kind, what, fault_act = "edit", ErrandKind.EDIT, "edit"

    def words(self) -> str:
        return "It is on its way to you, and there by one."

    def on_twitter(self) -> list[int]:
        return [int(line["id"]) for line in self.scene.own_lines() if self.words() in line["text"]]


class Hide(OnOurQuote):
    kind, what, fault_act = "hide", ErrandKind.HIDE, "hide"

    def about(self) -> Message:
        if not hasattr(self, "theirs"):
            self.theirs = self.scene.customer_answers(self.first_id, "You never look!")
        return Message.objects.get(pk=self.theirs)

    def on_twitter(self) -> list[int]:
        lines = self.scene.twitter.http.get("/sandbox/ledger", params={"after_id": self.theirs - 1}).text.splitlines()
        return [self.theirs] if json.loads(lines[0])["hidden"] else []
