"""Files by page: put to what is being written, described, looked at, taken off; and what is refused in which words."""

from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.enums import Role
from accounts.models import User
from inbox.domain import media
from inbox.domain.media import MB
from inbox.enums import MediaKind, MediaState, ReplyStatus, ReplyWay
from inbox.models import Conversation, Reply, ReplyMedia
from tenants import entry
from tenants.refusals import NotNow
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import ConversationFactory, MessageFactory, ReplyFactory, ReplyMediaFactory, tweet_id
from tests.inbox.domain.test_media import image, video
from tests.visiting import ACME, AGENCY, one_of_each_role, visitor

HTMX = {"HX-Request": "true"}
TALK, ALONE, KEY = tweet_id(1), tweet_id(9), 7_000_000  # a key that no sequence comes to
PANE = f"/b/acme/conversations/{TALK}/"
FILE = f"/b/acme/files/{KEY}/"


@pytest.fixture(scope="module")
def people(house, django_db_blocker) -> dict[str, int]:
    with django_db_blocker.unblock():
        return one_of_each_role(house, at="files.test")


@pytest.fixture
def agent(db, people, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, people[Role.AGENT])


@pytest.fixture
def supervisor(db, people, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, people[Role.SUPERVISOR])


@pytest.fixture(autouse=True)
def talk(db, house, _transactions_around) -> None:
    """A customer's tweet in both brands, with the same key."""
    for brand, handle_id in ((house.acme, ACME_HANDLE), (house.canary, CANARY_HANDLE)):
        with entry.brand(brand):
            MessageFactory(id=TALK, conversation=ConversationFactory(id=TALK, handle_id=handle_id))


@pytest.fixture
def kept(house, people) -> str:
    """A draft of the agent's with one file, in both brands with the same keys; the file's address."""
    for brand in (house.acme, house.canary):
        with entry.brand(brand):
            author = {"author_id": people[Role.AGENT], "text": f"Here is {brand.slug}."}
            reply = ReplyFactory(id=KEY, conversation_id=TALK, conversation=None, answers_id=TALK, **author)
            fields = {"content": image(), "alt_text": f"A bag of {brand.slug}", "added_by_id": people[Role.AGENT]}
            ReplyMediaFactory(
                id=KEY, reply=reply, position=0, state=MediaState.READY, media_id=5, usable_until=NOON, **fields
            )
    return FILE


def puts(client: Client, content: bytes | None = None, name: str = "bag.png", said: str = "image/png", **typed):
    more = {key: typed.pop(key) for key in ("headers",) if key in typed}
    sent = {"file": SimpleUploadedFile(name, image() if content is None else content, said)}
    return client.post(f"{PANE}files/", {"text": "Look here.", **sent, **typed}, **more)


def in_acme(house, question):
    with entry.brand(house.acme):
        return question()


def drafts(brand) -> list[tuple]:
    with entry.brand(brand):
        return list(Reply.objects.order_by("text", "pk").values_list("author_id", "text", "answers_id", "status"))


def files(brand) -> list[tuple]:
    with entry.brand(brand):
        rows = ReplyMedia.objects.order_by("reply_id", "position", "pk")
        return list(rows.values_list("kind", "content_type", "position", "alt_text"))


def changed(house, **fields) -> None:
    in_acme(house, lambda: Reply.objects.filter(pk=KEY).update(**fields))


# --- putting


def test_a_photo_is_put_to_what_is_being_written_which_is_kept_with_it(agent, house, people):
    answer = puts(agent)

    made = in_acme(house, lambda: ReplyMedia.objects.select_related("reply").get())
    assert (answer.status_code, answer["location"]) == (302, f"{PANE}?draft={made.reply_id}")
    assert drafts(house.acme) == [(people[Role.AGENT], "Look here.", TALK, ReplyStatus.DRAFT)]
    assert files(house.acme) == [(MediaKind.PHOTO, "image/png", 0, "")]
    assert (bytes(made.content), made.size, made.state) == (image(), len(image()), MediaState.WAITING)
    assert (made.width, made.height, made.added_by_id) == (8, 8, people[Role.AGENT])
    assert (drafts(house.canary), files(house.canary)) == ([], [])


@pytest.mark.parametrize(
    ("content", "kind", "content_type"),
    [
        (image("JPEG"), MediaKind.PHOTO, "image/jpeg"),
        (image("GIF", frames=2), MediaKind.GIF, "image/gif"),
        (video(), MediaKind.VIDEO, "video/mp4"),
    ],
    ids=["jpeg", "gif", "mp4"],
)
def test_a_file_is_what_its_bytes_say_whatever_it_is_called(agent, house, content, kind, content_type):
    answer = puts(agent, content, name="report.pdf", said="application/pdf")

    assert answer.status_code == 302
    assert files(house.acme) == [(kind, content_type, 0, "")]


def test_a_photo_needs_no_words(agent, house, people):
    puts(agent, text="")

    assert drafts(house.acme) == [(people[Role.AGENT], "", TALK, ReplyStatus.DRAFT)]
    assert len(files(house.acme)) == 1


def test_the_screen_gets_the_pane_with_the_file_in_its_composer(agent, house):
    page = puts(agent, headers=HTMX)

    pk = in_acme(house, lambda: ReplyMedia.objects.get().pk)
    assert page.status_code == 200
    assert "<html" not in page.text
    assert f"/b/acme/files/{pk}/" in page.text
    assert "Look here." in page.text


def test_a_further_file_goes_to_the_draft_in_the_composer(agent, house, people, kept):
    answer = puts(agent, reply=str(KEY), text="Here is more.")

    assert answer["location"] == f"{PANE}?draft={KEY}"
    assert drafts(house.acme) == [(people[Role.AGENT], "Here is more.", TALK, ReplyStatus.DRAFT)]
    assert [position for _, _, position, _ in files(house.acme)] == [0, 1]
    assert len(files(house.canary)) == 1
    assert [text for _, text, _, _ in drafts(house.canary)] == ["Here is canary."]


def test_a_colleagues_draft_is_left_alone_and_what_was_put_is_ones_own(supervisor, house, people, kept):
    answer = puts(supervisor, reply=str(KEY), text="Mine.")

    assert answer.status_code == 302
    assert drafts(house.acme) == [
        (people[Role.AGENT], "Here is acme.", TALK, ReplyStatus.DRAFT),
        (people[Role.SUPERVISOR], "Mine.", TALK, ReplyStatus.DRAFT),
    ]
    assert in_acme(house, lambda: ReplyMedia.objects.filter(reply_id=KEY).count()) == 1


# --- what is not taken


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"%PDF-1.7 a lie", "That is no photo (JPEG, PNG, WebP), GIF or video (MP4) that can be read."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "That is no photo"),
        (image("BMP"), "That is no photo"),
        (image()[:30], "That is no photo"),
        (image() + bytes(5 * MB), "This photo has 5.0 MB; 5 MB are the most."),
        (bytes(16 * MB), "This file has 16.0 MB; a GIF may have 15 MB."),
        (bytes(64 * MB + 1), "The file has 64.0 MB; 64 MB are the most."),
        (video(141), "The video lasts 141.0 seconds"),
    ],
    ids=["empty", "pdf", "svg", "bmp", "cut", "large photo", "large gif", "too large", "long video"],
)
def test_a_file_that_twitter_would_not_take_is_told_why_and_nothing_typed_is_lost(agent, house, content, words):
    page = puts(agent, content, name="bag.png", said="image/png")

    assert page.status_code == 409
    assert words in page.text
    assert "Look here." in page.text
    assert files(house.acme) == []


@pytest.mark.parametrize("sent", [{}, {"file": "bag.png"}])
def test_no_file_at_all_is_refused_and_keeps_no_draft(agent, house, sent):
    page = agent.post(f"{PANE}files/", {"text": "Look here.", **sent})

    assert page.status_code == 409
    assert "Choose a photo, a GIF or a video." in page.text
    assert "Look here." in page.text
    assert drafts(house.acme) == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"in_reply_to": "x"}, "It is not clear which tweet you answer."),
        ({"in_reply_to": str(ALONE)}, "The tweet you answer is not in this conversation."),
        ({"way": "pigeon"}, "A reply goes out in public, as a quote or in private. Choose one."),
    ],
)
def test_what_a_page_never_sends_is_refused_in_words(agent, house, typed, words):
    page = puts(agent, **typed)

    assert page.status_code == 409
    assert words in page.text
    assert (drafts(house.acme), files(house.acme)) == ([], [])


def test_a_fifth_photo_and_a_video_beside_photos_are_refused(agent, house, kept):
    for _ in range(3):
        assert puts(agent, reply=str(KEY)).status_code == 302

    pages = [puts(agent, content, reply=str(KEY)) for content in (image(), video())]

    assert [page.status_code for page in pages] == [409, 409]
    assert "A tweet shows four photos at most. Remove one first." in pages[0].text
    assert "A tweet shows four photos, or one GIF, or one video." in pages[1].text
    assert len(files(house.acme)) == 4


def test_a_direct_message_shows_one_file(agent, house, kept):
    changed(house, way=ReplyWay.PRIVATE)

    page = puts(agent, reply=str(KEY), way=ReplyWay.PRIVATE)

    assert page.status_code == 409
    assert "A direct message shows one file. Remove the other one first." in page.text
    assert len(files(house.acme)) == 1


def test_nothing_is_put_to_a_conversation_that_is_closed_or_another_brands(agent, house, people):
    closed = {"closed_at": NOON, "closed_by_id": people[Role.AGENT], "disposition": "resolved", "waiting_since": None}
    in_acme(house, lambda: Conversation.objects.update(respond_by=None, **closed))
    with entry.brand(house.canary):
        MessageFactory(id=ALONE, conversation=ConversationFactory(id=ALONE, handle_id=CANARY_HANDLE))

    shut = puts(agent)
    missing = [agent.post(f"/b/acme/conversations/{pk}/files/") for pk in (ALONE, 2**63, 10**40)]

    assert shut.status_code == 409
    assert "This conversation is closed." in shut.text
    assert [page.status_code for page in missing] == [404] * 3
    assert (drafts(house.acme), drafts(house.canary)) == ([], [])


@pytest.mark.parametrize("role", [Role.CLIENT_APPROVER, Role.CLIENT_VIEWER])
def test_clients_put_no_files_and_see_none_of_a_draft(house, people, static_files, kept, role):
    client = visitor(ACME, people[role])
    sent = {"file": SimpleUploadedFile("bag.png", image(), "image/png")}

    put = client.post(f"/conversations/{TALK}/files/", {"text": "Look.", **sent})
    removed = client.post(f"/files/{KEY}/removal/")
    seen = client.get(f"/files/{KEY}/")

    assert (put.status_code, removed.status_code, seen.status_code) == (403, 403, 404)
    assert "This is not for you here" in put.text
    assert len(files(house.acme)) == 1


# --- looking at one


def test_a_file_is_shown_as_it_is_and_kept_by_nobody_on_the_way(agent, kept):
    answer = agent.get(kept)

    assert (answer.status_code, answer.content) == (200, image())
    assert (answer["content-type"], answer["x-content-type-options"]) == ("image/png", "nosniff")
    assert answer["cache-control"] == "private, no-store"


def test_a_client_sees_the_files_of_what_was_posted_and_describes_none(house, people, static_files, kept):
    by = {"approved_by_id": people[Role.SUPERVISOR], "approved_at": NOON}
    changed(house, status=ReplyStatus.POSTED, twitter_id=tweet_id(2), posted_at=NOON, **by)
    client = visitor(ACME, people[Role.CLIENT_VIEWER])

    seen = client.get(f"/files/{KEY}/")
    described = client.post(f"/files/{KEY}/", {"alt_text": "mine"})

    assert (seen.status_code, described.status_code) == (200, 403)
    assert "answering is for the agency's people" in unescape(described.text)
    assert [words for _, _, _, words in files(house.acme)] == ["A bag of acme"]


# --- what it shows, in words


def test_a_description_is_kept_and_twitter_is_told_anew(agent, house, kept):
    answer = agent.post(kept, {"alt_text": "  A red bag \x00<b>by</b> a belt "})

    file = in_acme(house, ReplyMedia.objects.get)
    assert (answer.status_code, answer["location"]) == (302, f"{PANE}?draft={KEY}")
    assert file.alt_text == "A red bag <b>by</b> a belt"
    assert (file.state, file.media_id, file.usable_until) == (MediaState.WAITING, None, None)
    assert "A red bag &lt;b&gt;by&lt;/b&gt; a belt" in agent.get(f"{PANE}?draft={KEY}").text
    assert [words for _, _, _, words in files(house.canary)] == ["A bag of canary"]


def test_a_description_has_a_thousand_characters(agent, house, kept):
    fits = agent.post(kept, {"alt_text": "x" * 1000})
    page = agent.post(kept, {"alt_text": "y" * 1001}, headers=HTMX)

    assert (fits.status_code, page.status_code) == (302, 409)
    assert "The description has 1001 characters; 1000 are allowed." in page.text
    assert [words for _, _, _, words in files(house.acme)] == ["x" * 1000]


# --- taking it off


def test_a_file_is_taken_off_once_and_the_draft_stays(agent, house, people, kept):
    answer = agent.post(f"{kept}removal/")
    again = agent.post(f"{kept}removal/")

    assert (answer.status_code, answer["location"]) == (302, f"{PANE}?draft={KEY}")
    assert again.status_code == 404
    assert drafts(house.acme) == [(people[Role.AGENT], "Here is acme.", TALK, ReplyStatus.DRAFT)]
    assert (len(files(house.acme)), len(files(house.canary))) == (0, 1)


def test_a_colleagues_draft_is_not_even_there(supervisor, house, kept):
    pages = [supervisor.get(kept), supervisor.post(kept, {"alt_text": "mine"}), supervisor.post(f"{kept}removal/")]

    assert [page.status_code for page in pages] == [404] * 3
    assert [words for _, _, _, words in files(house.acme)] == ["A bag of acme"]


def test_what_was_sent_back_is_seen_by_colleagues_and_changed_by_its_author(supervisor, house, people, kept):
    sent_back = {"sent_back_by_id": people[Role.SUPERVISOR], "sent_back_at": NOON}
    changed(house, status=ReplyStatus.SENT_BACK, **sent_back)

    pages = [supervisor.post(kept, {"alt_text": "mine"}), supervisor.post(f"{kept}removal/")]

    assert supervisor.get(kept).status_code == 200
    assert [page.status_code for page in pages] == [403, 403]
    assert "This draft is a colleague's." in unescape(pages[0].text)
    assert [words for _, _, _, words in files(house.acme)] == ["A bag of acme"]


def test_what_waits_for_a_yes_is_not_changed_any_more(agent, house, kept):
    changed(house, status=ReplyStatus.SUBMITTED, submitted_at=NOON, needs_approval=True)

    pages = [agent.post(kept, {"alt_text": "other"}), agent.post(f"{kept}removal/")]

    assert [page.status_code for page in pages] == [409, 409]
    assert "This reply is not a draft any more" in pages[0].text
    assert [words for _, _, _, words in files(house.acme)] == ["A bag of acme"]


def test_another_brands_file_is_not_there(agent, house, kept):
    in_acme(house, ReplyMedia.objects.all().delete)

    pages = [agent.get(kept), agent.post(kept, {"alt_text": "mine"}), agent.post(f"{kept}removal/")]
    pages += [agent.get(f"/b/acme/files/{pk}/") for pk in (2**63, 10**40)]

    assert [page.status_code for page in pages] == [404] * 5
    assert [words for _, _, _, words in files(house.canary)] == ["A bag of canary"]


def test_nothing_is_put_or_taken_off_by_looking(agent, house, kept):
    assert [agent.get(path).status_code for path in (f"{PANE}files/", f"{kept}removal/")] == [405, 405]
    assert len(files(house.acme)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * 25_001, "The reply has 25,001 characters; 25,000 can be kept."),
        ("a\x00b", "The reply holds a character that no tweet can have."),
    ],
    ids=["too long", "nothing's own character"],
)
def test_a_text_that_cannot_be_kept_is_refused_by_what_is_wrong_with_it(agent, house, text, said):
    answer = puts(agent, text=text)

    assert (answer.status_code, said in unescape(answer.content.decode())) == (409, True)
    assert (drafts(house.acme), files(house.acme)) == ([], [])


def test_a_file_that_is_refused_leaves_no_empty_draft(agent, house):
    assert puts(agent, b"no picture", text="").status_code == 409

    assert drafts(house.acme) == []


def test_a_file_that_was_taken_off_meanwhile_is_not_described(house, kept, people):
    def describes():
        file, by, role = ReplyMedia.objects.get(pk=KEY), User(pk=people[Role.AGENT]), Role.AGENT
        media.remove(file=ReplyMedia.objects.get(pk=KEY), by=by, role=role)
        with pytest.raises(NotNow, match="taken off the reply meanwhile"):
            media.describe(file=file, alt_text="A bag", by=by, role=role)

    in_acme(house, describes)
    assert files(house.acme) == []


def test_whoever_approves_sees_files_and_way_of_what_they_approve(supervisor, kept, house):
    with entry.brand(house.acme):
        Reply.objects.filter(pk=KEY).update(
            status=ReplyStatus.SUBMITTED, needs_approval=True, submitted_at=NOON, way=ReplyWay.QUOTE
        )

    listed = supervisor.get("/b/acme/approvals/").text

    assert f'src="{FILE}" alt="A bag of acme"' in listed
    assert unescape(ReplyWay.QUOTE.label).capitalize() in unescape(listed)
    assert supervisor.get(FILE).status_code == 200
