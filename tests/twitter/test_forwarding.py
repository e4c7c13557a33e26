"""X's own forms of address lead to the pages of the sandbox, with what they carry filled in."""

from collections.abc import Iterator

import httpx
import pytest

from tests.twitter.playing import World


@pytest.fixture
def browser(world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=world.url, headers={"origin": world.url}, follow_redirects=True) as client:
        yield client


@pytest.mark.parametrize("form", ["/i/status/{}", "/i/web/status/{}", "/jodoe/status/{}", "/anybody/status/{}"])
def test_a_tweet_is_found_by_its_id_in_every_form_of_its_address(world: World, browser, form: str) -> None:
    tweet = world.tweeted("jodoe", "@AcmeCare where is it?")

    page = browser.get(form.format(tweet))

    assert (page.status_code, page.url.path) == (200, f"/status/{tweet}")
    assert "where is it?" in page.text


@pytest.mark.parametrize("form", ["/i/status/nonsense", "/jodoe/status/0", "/jodoe/status/99999999999999999999"])
def test_what_is_no_tweets_id_is_refused(world: World, browser, form: str) -> None:
    assert browser.get(form).status_code == 400


def test_an_account_is_found_by_its_name(world: World, browser) -> None:
    page = browser.get("/acmecare")

    assert (page.status_code, page.url.path) == (200, "/account/AcmeCare")


def test_a_name_that_nobody_has_is_no_page(world: World, browser) -> None:
    page = browser.get("/nobodyatall")

    assert page.status_code == 404
    assert "there is no such page, and no such name." in page.text


def test_pages_of_the_sandbox_go_before_names(world: World, browser) -> None:
    browser.post("/as", data={"who": "compose"})
    browser.post("/as", data={"who": "messages"})

    assert browser.get("/messages").url.path == "/messages"
    assert browser.get("/compose").url.path == "/"


def test_words_of_an_answer_are_in_its_box_for_whoever_is_played(world: World, browser) -> None:
    tweet = world.tweeted("jodoe", "@AcmeCare where is it?")
    asked = {"in_reply_to": tweet, "text": "Sorry & <soon>"}

    as_nobody = browser.get("/intent/post", params=asked)
    page = browser.post("/as", data={"who": "@AcmeCare", "back": back_of(as_nobody)})

    assert as_nobody.url.path == page.url.path == f"/status/{tweet}"
    assert f'name="in_reply_to" value="{tweet}"' in as_nobody.text
    for shown in (as_nobody, page):
        assert shown.text.count(">Sorry &amp; &lt;soon&gt;</textarea>") == 1
    assert page.text.count("data-holds-draft open>") == 1


def test_who_has_not_said_who_they_are_answers_all_the_same(world: World, browser) -> None:
    tweet = world.tweeted("jodoe", "@AcmeCare where is it?")

    browser.post("/compose", data={"who": "@AcmeCare", "text": "Here.", "in_reply_to": tweet})

    assert (world.ledger()[-1]["text"], world.ledger()[-1]["in_reply_to_tweet_id"]) == (
        "@jodoe Here.",
        tweet,
    )


@pytest.mark.parametrize("form", ["/intent/post", "/intent/tweet"])
def test_words_of_a_tweet_are_in_the_box(world: World, browser, form: str) -> None:
    page = browser.get(form, params={"text": "hello #late"})

    assert (page.status_code, page.url.path) == (200, "/")
    assert page.text.count(">hello #late</textarea>") == 1


def test_a_hashtag_leads_to_the_timeline(world: World, browser) -> None:
    page = browser.get("/hashtag/verspätet")

    assert (page.status_code, page.url.path) == (200, "/")
    assert ">#verspätet </textarea>" in page.text


def test_a_private_message_is_begun_with_the_account_of_that_id(world: World, browser) -> None:
    browser.post("/as", data={"who": "@AcmeCare"})

    page = browser.get("/messages/compose", params={"recipient_id": world.people["jodoe"], "text": "Dear Jo,"})

    assert (page.status_code, page.url.path) == (200, "/messages/jodoe")
    assert page.text.count(">Dear Jo,</textarea>") == 1
    assert browser.get("/messages/compose").url.path == "/messages"


def test_who_has_not_said_who_they_are_is_led_back_to_the_message(world: World, browser) -> None:
    refused = browser.get("/messages/compose", params={"recipient_id": world.people["jodoe"], "text": "Dear Jo,"})

    page = browser.post("/as", data={"who": "@AcmeCare", "back": back_of(refused)})

    assert "Choose who you are first." in refused.text
    assert page.url.path == "/messages/jodoe"
    assert ">Dear Jo,</textarea>" in page.text


@pytest.mark.parametrize(("asked", "status"), [("1", 404), ("jodoe", 400), ("-1", 400)])
def test_an_id_that_nobody_has_is_refused(world: World, browser, asked: str, status: int) -> None:
    assert browser.get("/messages/compose", params={"recipient_id": asked}).status_code == status


@pytest.mark.parametrize(
    ("path", "looks"),
    [
        ("/", True),
        ("/account/jodoe", True),
        ("/account/nobodyatall", False),
        ("/status/5", False),
        ("/?before=9", False),
    ],
)
def test_only_a_page_that_is_there_asks_to_be_looked_at_again(world: World, browser, path: str, looks: bool) -> None:
    assert ("<body data-looks-again>" in browser.get(path).text) == looks


def test_the_answer_to_a_form_does_not_ask_to_be_looked_at_again(world: World, browser) -> None:
    page = browser.post("/compose", data={"who": "jodoe", "text": "x" * 281})

    assert 'role="alert"' in page.text
    assert "data-looks-again" not in page.text


def back_of(page: httpx.Response) -> str:
    """Where the page leads whoever says who they are."""
    form = page.text.partition('action="/as"')[2]
    return form.partition('name="back" value="')[2].partition('"')[0].replace("&amp;", "&")
