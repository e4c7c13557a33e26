"""The page of the sandbox, as a browser without scripts sees it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.twitter.playing import Receiver, World, eventually


@pytest.fixture
def browser(world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=world.url, headers={"origin": world.url}, follow_redirects=True) as client:
        yield client


def test_a_newcomer_gives_a_name_tweets_and_sees_it(world: World, receiver: Receiver, browser: httpx.Client) -> None:
    world.listen(receiver.url, "AcmeCare")
    assert 'data-name="AcmeCare"' in browser.get("/").text

    page = browser.post("/compose", data={"who": "Ana María", "text": "@AcmeCare <script>alert(1)</script> & co"})

    assert page.status_code == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in page.text
    assert "<script>alert" not in page.text
    assert "Ana María" in page.text
    assert "@AnaMaria" in page.text
    assert eventually(lambda: len(receiver.got) == 1)
    assert receiver.data()[0]["includes"]["users"][0]["name"] == "Ana María"


def test_a_person_plays_one_customer_after_the_other(world: World, browser: httpx.Client) -> None:
    browser.post("/as", data={"who": "@jodoe"})
    browser.post("/compose", data={"text": "first"})
    browser.post("/as", data={"who": "passerby"})
    browser.post("/compose", data={"text": "second"})

    authors = [(line["text"], line["author_id"]) for line in world.ledger()]
    assert authors == [("first", world.people["jodoe"]), ("second", world.people["passerby"])]


def test_a_thread_shows_every_answer_and_marks_the_brand(
    world: World, receiver: Receiver, browser: httpx.Client
) -> None:
    world.listen(receiver.url, "AcmeCare")
    opening = world.tweeted("jodoe", "@AcmeCare where is it?")
    answer = world.tweeted("AcmeCare", "On its way", opening)
    browser.post("/as", data={"who": "jodoe"})

    page = browser.post("/compose", data={"text": "thanks", "in_reply_to": answer, "back": f"/status/{opening}"})

    assert page.url.path == f"/status/{opening}"
    places = [page.text.index(words) for words in ("where is it?", "On its way", "thanks")]
    assert places == sorted(places)
    assert page.text.count('<span class="badge">Brand</span>') == 1
    assert world.ledger()[-1]["in_reply_to_tweet_id"] == answer


def test_a_refused_tweet_comes_back_with_its_words_and_the_reason(world: World, browser: httpx.Client) -> None:
    browser.post("/compose", data={"who": "jodoe", "text": "hello"})

    page = browser.post("/compose", data={"text": "hello"})

    assert page.status_code == 403
    assert 'role="alert">You are not allowed to create a Tweet with duplicate content.' in page.text
    assert ">hello</textarea>" in page.text
    assert len(world.ledger()) == 1


def test_customers_delete_their_own_tweets_and_no_others(world: World, browser: httpx.Client) -> None:
    mine, theirs = world.tweeted("jodoe", "mine"), world.tweeted("passerby", "theirs")
    browser.post("/as", data={"who": "jodoe"})

    assert browser.post(f"/status/{mine}/deletion").status_code == 200
    assert browser.post(f"/status/{theirs}/deletion").status_code == 403
    assert [line["deleted"] for line in world.ledger()] == [True, False]


def test_a_deleted_tweet_leaves_its_place_in_the_thread(world: World, browser: httpx.Client) -> None:
    opening = world.tweeted("jodoe", "regrettable words")
    world.tweeted("passerby", "well well", opening)
    world.http.delete(f"/2/tweets/{opening}", headers=world.tokens["jodoe"])

    page = browser.get(f"/status/{opening}").text

    assert "This tweet was deleted." in page
    assert "well well" in page
    assert "regrettable words" not in page
    assert "regrettable words" not in browser.get("/").text


def test_a_repost_is_drawn_once_and_sent_to_nobody_but_its_author(
    world: World, receiver: Receiver, browser: httpx.Client
) -> None:
    world.listen(receiver.url, "AcmeCare")
    opening = world.tweeted("jodoe", "@AcmeCare where is it?")
    browser.post("/as", data={"who": "passerby"})

    for _ in range(2):
        browser.post(f"/status/{opening}/repost")

    assert browser.get("/").text.count("Passerby reposted") == 1
    assert eventually(lambda: world.deliveries()["waiting"] == 0)
    assert receiver.events() == [("post.mention.create", opening)]


def test_a_page_that_looks_again_hears_nothing_until_something_changed(world: World, browser: httpx.Client) -> None:
    first = browser.get("/?part=yes")
    version = {"if-none-match": first.headers["etag"]}

    assert browser.get("/?part=yes", headers=version).status_code == 304
    world.tweeted("jodoe", "news!")
    assert "news!" in browser.get("/?part=yes", headers=version).text


def test_faults_are_switched_on_the_page_too(world: World, browser: httpx.Client) -> None:
    page = browser.post("/faults", data={"name": "too_many", "how": "once", "seconds": "90"})

    assert "on, 1 more, 90 s" in page.text
    assert world.ask("GET", "/sandbox/faults")["faults"] == [
        {"name": "too_many", "times": 1, "seconds": 90.0, "user_id": None, "act": None}
    ]
    browser.post("/faults", data={"name": "too_many", "how": "off"})
    assert world.ask("GET", "/sandbox/faults")["faults"] == []


def test_the_timeline_goes_back_page_by_page(world: World, browser: httpx.Client) -> None:
    jo = world.people["jodoe"]
    world.record(*({"id": str(1000 + number), "author_id": jo, "text": f"number {number}."} for number in range(60)))

    first = browser.get("/").text
    second = browser.get("/?before=1020").text

    assert 'href="/?before=1020"' in first
    assert "number 20." in first
    assert "number 19." not in first
    assert "number 19." in second
    assert "number 20." not in second
    assert "60 tweets" in browser.get("/account/jodoe").text


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
def test_forms_of_other_pages_are_refused(world: World, origin: str | None) -> None:
    headers = {"origin": origin} if origin else {}

    answer = world.http.post("/compose", data={"who": "jodoe", "text": "hello"}, headers=headers)

    assert answer.status_code == 403
    assert world.ledger() == []


def test_a_form_leads_back_to_this_page_only(world: World) -> None:
    for where in ("//evil.example/", "https://evil.example/", "/\\evil.example", "/ok\r\nx: y"):
        answer = world.http.post("/as", data={"who": "jodoe", "back": where}, headers={"origin": world.url})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "path", ["/status/1", "/status/x", "/account/nobody", "/avatar/1.svg", "/?before=x", "/nothing", "/static/no.css"]
)
def test_a_wrong_address_gets_a_plain_answer(world: World, path: str) -> None:
    assert world.http.get(path).status_code in (400, 404)


def test_pages_load_nothing_from_elsewhere(world: World) -> None:
    answer = world.http.get("/")

    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "http://" not in answer.text.replace(world.url, "")
    assert "https://" not in answer.text
    for path in ("/static/page.css", "/static/page.js", f"/avatar/{world.people['jodoe']}.svg"):
        assert world.http.get(path).status_code == 200
