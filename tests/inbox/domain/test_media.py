"""Files that go out with a reply: what is taken, how many, how they are brought, and when they are brought anew."""

import io
import struct
from datetime import timedelta

import httpx
import pytest
from PIL import Image

from accounts.enums import Role
from inbox.domain import media, posting, replies
from inbox.enums import MediaKind, MediaState, ReplyStatus, ReplyWay
from inbox.models import Conversation, Credential, ReplyMedia
from tenants.refusals import NotNow, NotYours
from tests.conftest import NOON, committed
from tests.factories import ConversationFactory, MessageFactory, ReplyFactory
from tests.inbox.domain.posting_scene import Scene
from tests.inbox.twitter.answering import Answering, answer
from tests.twitter.playing import World


def image(form: str = "PNG", size: tuple[int, int] = (8, 8), frames: int = 1) -> bytes:
    kept, pictures = io.BytesIO(), [Image.new("RGB", size, (n * 9 % 255, 0, 90)) for n in range(frames)]
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    pictures[0].save(kept, form, **more)
    return kept.getvalue()


def video(seconds: float = 3, brand: bytes = b"isom", version: int = 0) -> bytes:
    """The least of an MP4 file that says how long it lasts."""
    if version:
        header = struct.pack(">B3xQQIQ", 1, 0, 0, 1000, int(seconds * 1000)) + bytes(80)
    else:
        header = struct.pack(">B3xIIII", 0, 0, 0, 1000, int(seconds * 1000)) + bytes(80)
    return _box(b"ftyp", brand + bytes(8)) + _box(b"moov", _box(b"mvhd", header)) + _box(b"mdat", bytes(64))


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


# --- what a file is, by its own bytes


@pytest.mark.parametrize(
    ("content", "kind", "content_type"),
    [
        (image("JPEG"), MediaKind.PHOTO, "image/jpeg"),
        (image("PNG"), MediaKind.PHOTO, "image/png"),
        (image("WEBP"), MediaKind.PHOTO, "image/webp"),
        (image("GIF"), MediaKind.PHOTO, "image/gif"),
        (image("GIF", frames=3), MediaKind.GIF, "image/gif"),
        (video(), MediaKind.VIDEO, "video/mp4"),
        (video(version=1), MediaKind.VIDEO, "video/mp4"),
        (video(brand=b"qt  "), MediaKind.VIDEO, "video/quicktime"),
    ],
    ids=["jpeg", "png", "webp", "still gif", "gif", "mp4", "long mp4", "quicktime"],
)
def test_a_file_is_what_its_bytes_say(content, kind, content_type):
    looked = media.look_at(content)

    assert (looked.kind, looked.content_type) == (kind, content_type)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"MZ\x90\x00 a program", "no photo"),
        (b"%PDF-1.7", "no photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no photo"),
        (image("BMP"), "no photo"),
        (image("PNG")[:40], "no photo"),
        (image("PNG", (8200, 1)), "8200 by 1"),
        (image("GIF", (1281, 4), frames=2), "1281 by 4"),
        (video(141), "141.0 seconds"),
        (video(0.2), "0.2 seconds"),
        (_box(b"ftyp", b"isom" + bytes(8)) + _box(b"mdat", bytes(9)), "cannot be read"),
        (b"\0\0\0\x10ftypisom" + b"\xff" * 300, "cannot be read"),
    ],
)
def test_what_twitter_would_not_take_is_refused_with_the_reason(content, words):
    with pytest.raises(NotNow, match=words):
        media.look_at(content)


@pytest.mark.parametrize(("content", "kind"), [(image(), MediaKind.PHOTO), (video(), MediaKind.VIDEO)])
def test_a_file_may_have_so_many_bytes_and_no_more(content, kind, monkeypatch):
    monkeypatch.setitem(media.LARGEST, kind, len(content))
    assert media.look_at(content).kind == kind

    monkeypatch.setitem(media.LARGEST, kind, len(content) - 1)
    with pytest.raises(NotNow, match="MB are the most"):
        media.look_at(content)


# --- what a reply may show


@pytest.fixture
def draft(acme, agent):
    conversation = ConversationFactory()
    MessageFactory(conversation=conversation, id=conversation.pk)
    return ReplyFactory(conversation=conversation, author_id=agent.pk)


def attach(draft, agent, content: bytes = b"", alt_text: str = "") -> ReplyMedia:
    about = {"by": agent, "role": Role.AGENT, "now": NOON}
    return media.attach(reply=draft, content=content or image(), alt_text=alt_text, **about)


def test_four_photos_go_and_a_fifth_does_not(draft, agent):
    for number in range(4):
        assert attach(draft, agent).position == number

    with pytest.raises(NotNow, match="four photos at most"):
        attach(draft, agent)


@pytest.mark.parametrize("first", [image(), image("GIF", frames=2), video()], ids=["photo", "gif", "video"])
@pytest.mark.parametrize("second", [image("GIF", frames=2), video()], ids=["gif", "video"])
def test_a_gif_or_a_video_stands_alone(draft, agent, first, second):
    attach(draft, agent, first)

    for content in (second, image() if first != image() else second):
        with pytest.raises(NotNow, match="or one GIF, or one video"):
            attach(draft, agent, content)


def test_a_direct_message_shows_one_file(draft, agent):
    draft.way = ReplyWay.PRIVATE
    draft.save()
    attach(draft, agent)

    with pytest.raises(NotNow, match="A direct message shows one file"):
        attach(draft, agent)


def test_two_files_of_a_public_draft_do_not_go_in_private(draft, agent):
    attach(draft, agent)
    attach(draft, agent)

    with pytest.raises(NotNow, match="Remove the others"):
        replies.compose(
            conversation=draft.conversation, text="Here.", answers_id=draft.answers_id, by=agent, role=Role.AGENT,
            now=NOON, reply=draft, way=ReplyWay.PRIVATE,
        )  # fmt: skip


def test_a_description_has_a_thousand_characters(draft, agent):
    file = attach(draft, agent, alt_text=" a " + "x" * 990)
    assert file.alt_text.startswith("a x")

    with pytest.raises(NotNow, match="1001 characters; 1000"):
        media.describe(file=file, alt_text="x" * 1001, by=agent, role=Role.AGENT)


def test_files_are_put_to_ones_own_drafts_alone(draft, agent, supervisor):
    file = attach(draft, agent)
    others = {"by": supervisor, "role": Role.SUPERVISOR}

    with pytest.raises(NotYours, match="a colleague's"):
        media.attach(reply=draft, content=image(), alt_text="", now=NOON, **others)
    with pytest.raises(NotYours, match="a colleague's"):
        media.describe(file=file, alt_text="mine", **others)
    with pytest.raises(NotYours, match="a colleague's"):
        media.remove(file=file, **others)
    draft.status = ReplyStatus.SUBMITTED
    draft.submitted_at, draft.needs_approval = NOON, True
    draft.save()
    with pytest.raises(NotNow, match="not a draft any more"):
        media.remove(file=file, by=agent, role=Role.AGENT)


# --- bringing them, with a real Twitter


@pytest.fixture
def scene(house, emptied_brand, sandbox):
    with httpx.Client(base_url=sandbox.url, timeout=20) as http, committed(emptied_brand) as brand:
        http.post("/sandbox/reset")
        yield Scene(brand, World(sandbox.url, http), house.agent_id)


def shows(scene: Scene, *contents: bytes, alt_text: str = "A blue square"):
    """A further reply, approved, that shows these; the scene's first is out of the way."""
    scene.post()
    about = {"by": scene.agent, "role": Role.AGENT, "now": scene.clock()}
    found = Conversation.objects.get()
    draft = replies.save_draft(conversation=found, text="Look here.", answers_id=scene.opening, **about)
    for content in contents:
        media.attach(reply=draft, content=content, alt_text=alt_text, **about)
    return replies.submit(reply=draft, **about)


def line_of(scene: Scene, reply) -> dict:
    _, tweet_id = scene.state(reply)
    [line] = [line for line in scene.own_lines() if line["id"] == str(tweet_id)]
    return line


@pytest.mark.commits
def test_photos_go_out_in_their_order_with_their_words(scene):
    reply = shows(scene, image(), image("JPEG"))

    assert scene.post() == 1

    assert scene.status(reply) == ReplyStatus.POSTED
    wanted = [str(pk) for pk in ReplyMedia.objects.order_by("position").values_list("media_id", flat=True)]
    asked = {"tweet.fields": "attachments", "expansions": "attachments.media_keys", "media.fields": "alt_text"}
    tweet = scene.twitter.look_up(str(scene.state(reply)[1]), **asked)
    assert [key.partition("_")[2] for key in tweet["data"]["attachments"]["media_keys"]] == wanted
    assert {each["alt_text"] for each in tweet["includes"]["media"]} == {"A blue square"}


@pytest.mark.commits
def test_a_video_holds_its_reply_up_until_twitter_has_looked_at_it_and_no_other(scene):
    scene.twitter.ask("PUT", "/sandbox/settings", json={"media_seconds": 0.4})
    reply, other = shows(scene, video()), scene.answers("Another answer")

    assert scene.post() == 1
    assert scene.status(other) == ReplyStatus.POSTED
    assert scene.status(reply) == ReplyStatus.APPROVED
    assert ReplyMedia.objects.get().state == MediaState.PROCESSING
    assert _eventually_posted(scene, reply)
    assert line_of(scene, reply)["text"].startswith(f"@jo{scene.brand.pk} Look here.")


def _eventually_posted(scene: Scene, reply) -> bool:
    for _ in range(60):
        scene.clock.passes(0.1)
        scene.post()
        if scene.status(reply) == ReplyStatus.POSTED:
            return True
    return False


@pytest.mark.commits
def test_a_file_that_expires_soon_is_brought_anew(scene):
    reply = shows(scene, image())
    scene.fault("too_many", act="tweet", seconds=1)
    scene.post()
    first_id = ReplyMedia.objects.get().media_id
    assert first_id
    ReplyMedia.objects.update(usable_until=scene.clock() + timedelta(minutes=11))

    scene.clock.passes(120)
    scene.post()

    assert scene.status(reply) == ReplyStatus.POSTED
    assert ReplyMedia.objects.get().media_id not in (None, first_id)


@pytest.mark.commits
@pytest.mark.parametrize("act", ["upload_initialize", "upload_append", "upload_finalize", "alt_text"])
@pytest.mark.parametrize("fault", ["server_error", "lost_answer", "too_many"])
def test_an_upload_that_breaks_is_made_again_and_the_reply_goes_once(scene, act, fault):
    reply = shows(scene, image())
    scene.fault(fault, act=act, **({"seconds": 1} if fault == "too_many" else {}))

    assert scene.post() == 0
    assert scene.status(reply) == ReplyStatus.APPROVED
    assert scene.why() == ""  # the first reply is no concern of it
    scene.clock.passes(61)
    scene.post()

    assert scene.status(reply) == ReplyStatus.POSTED
    assert len(scene.on_twitter()) == 2


@pytest.mark.commits
def test_a_file_that_twitter_cannot_use_refuses_its_reply_and_trying_again_brings_it_anew(scene):
    reply = shows(scene, image())
    begun = answer(200, {"data": {"id": "77", "expires_after_secs": 900}})
    failed = {"state": "failed", "error": {"message": "Not a picture we like"}}
    ended = answer(200, {"data": {"id": "77", "expires_after_secs": 900, "processing_info": failed}})
    with Answering([begun], [answer(200, {"data": {}})], [ended]) as twitter:
        media.bring_waiting(connect=scene.connect(twitter.port), clock=scene.clock)

    assert ReplyMedia.objects.get().state == MediaState.REFUSED
    scene.post()
    reply.refresh_from_db()
    assert (reply.status, reply.why) == (
        ReplyStatus.REFUSED, "Twitter could not use the file: Not a picture we like")  # fmt: skip

    scene.try_again(reply)
    scene.post()
    assert scene.status(reply) == ReplyStatus.POSTED


@pytest.mark.commits
def test_what_is_described_anew_is_brought_anew(scene):
    scene.post()
    about = {"by": scene.agent, "role": Role.AGENT}
    draft = replies.save_draft(
        conversation=Conversation.objects.get(), text="Look.", answers_id=scene.opening, now=scene.clock(), **about
    )
    file = media.attach(reply=draft, content=image(), alt_text="", now=scene.clock(), **about)
    ReplyMedia.objects.update(state=MediaState.READY, media_id=5, usable_until=scene.clock() + timedelta(hours=9))
    file.refresh_from_db()

    media.describe(file=file, alt_text="A blue square", **about)
    replies.submit(reply=draft, now=scene.clock(), **about)
    scene.post()

    assert scene.status(draft) == ReplyStatus.POSTED
    assert ReplyMedia.objects.get().media_id != 5


@pytest.mark.commits
def test_a_refused_log_in_while_bringing_is_shown_and_passes(scene):
    reply = shows(scene, image())
    scene.fault("unauthorized")

    assert scene.post() == 0
    assert "log-in" in Credential.objects.get().refused_why
    scene.clock.passes(301)
    scene.post()

    assert scene.status(reply) == ReplyStatus.POSTED
    assert Credential.objects.get().refused_at is None


@pytest.mark.commits
def test_a_file_is_brought_by_one_worker_at_a_time(scene):
    shows(scene, image())
    [pk] = media._to_bring(scene.clock())

    assert media._take(pk, now=scene.clock()) is not None
    assert media._take(pk, now=scene.clock()) is None
    assert posting.claim(now=scene.clock()) is None
    scene.clock.passes(181)
    assert media._take(pk, now=scene.clock()) is not None
