"""X's own forms of address, led to the pages here that come nearest: a link that fits X fits this Twitter too.

What an address carries is kept: the words of a tweet or a message are in their box, to be sent by whoever is played.
"""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.parameters import an_id
from inbox.twitter.sandbox.problems import Problem


async def status(request: Request) -> Response:
    """A tweet, named by its id, whosever the name before it is."""
    return _to(f"/status/{an_id(request.path_params['id'], 'id')}")


async def profile(request: Request) -> Response:
    found = _sandbox(request).world.account_named(request.path_params["username"])
    if not found:
        raise Problem(404, "Not here", f"{request.method} {request.url.path}: there is no such page, and no such name.")
    return _to(f"/account/{found.username}")


async def composer(request: Request) -> Response:
    """Words to be tweeted; with `in_reply_to`, as an answer to that tweet."""
    answered = request.query_params.get("in_reply_to", "")
    return _to(f"/status/{an_id(answered, 'in_reply_to')}" if answered else "/", text=_text(request))


async def private_messages(request: Request) -> Response:
    """Direct messages with the account `recipient_id`; without one, those of whoever is played."""
    asked = request.query_params.get("recipient_id", "")
    if not asked:
        return _to("/messages", text=_text(request))
    found = _sandbox(request).world.account(an_id(asked, "recipient_id"))
    if not found:
        raise Problem(404, "Not here", "Nobody has this id.")
    return _to(f"/messages/{found.username}", text=_text(request))


async def hashtag(request: Request) -> Response:
    """There is no page for a hashtag: the timeline, with the hashtag begun."""
    return _to("/", text=f"#{request.path_params['word']} ")


def _text(request: Request) -> str:
    return request.query_params.get("text", "")


def _to(path: str, *, text: str = "") -> RedirectResponse:
    return RedirectResponse(f"{path}?{urlencode({'text': text})}" if text else path, 303)


def _sandbox(request: Request) -> Sandbox:
    return request.app.state.sandbox


ROUTES = [
    Route("/intent/post", composer, methods=["GET"]),
    Route("/intent/tweet", composer, methods=["GET"]),
    Route("/hashtag/{word}", hashtag, methods=["GET"]),
    Route("/i/status/{id}", status, methods=["GET"]),
    Route("/i/web/status/{id}", status, methods=["GET"]),
    Route("/{username}/status/{id}", status, methods=["GET"]),
    Route("/{username}", profile, methods=["GET"]),
]
