"""Addresses of pages on X: in its own forms, wherever its pages are."""

from urllib.parse import parse_qs, urlsplit

import pytest

from inbox.twitter import addresses


@pytest.mark.parametrize("pages", ["https://x.com", "http://twitter.localhost:8000"])
def test_pages_are_where_the_setting_says(settings, pages):
    settings.TWITTER_PAGES_URL = pages

    assert addresses.profile("AcmeAir") == f"{pages}/AcmeAir"
    assert addresses.status(20) == f"{pages}/i/status/20"
    assert addresses.hashtag("verspätet") == f"{pages}/hashtag/versp%C3%A4tet"
    assert addresses.private_messages(5) == f"{pages}/messages/compose?recipient_id=5"
    composer = urlsplit(addresses.composer("Sorry! {} & more: #1?", answers_id=20))
    assert f"{composer.scheme}://{composer.netloc}{composer.path}" == f"{pages}/intent/post"
    assert parse_qs(composer.query) == {"in_reply_to": ["20"], "text": ["Sorry! {} & more: #1?"]}


def test_what_is_posted_with_a_tweet_leads_to_x_itself_wherever_its_pages_are_for_us(settings):
    settings.TWITTER_PAGES_URL = "http://twitter.localhost:8000"

    assert addresses.deep_link(5) == "https://x.com/messages/compose?recipient_id=5"
    assert addresses.deep_link(5, "a b&c") == "https://x.com/messages/compose?recipient_id=5&text=a+b%26c"


def test_nothing_in_a_name_leads_elsewhere():
    assert addresses.profile("../a?b") == "https://x.com/..%2Fa%3Fb"
    assert addresses.hashtag("a/b#c") == "https://x.com/hashtag/a%2Fb%23c"
