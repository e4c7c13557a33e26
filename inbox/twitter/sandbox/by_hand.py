"""What a person does on the page as a customer, beside saying something: private messages, edits, likes, blocks."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import cards, edits, forwarding, old_events, people, timeline
from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.authorship import Draft
from inbox.twitter.sandbox.parameters import an_id
from inbox.twitter.sandbox.problems import Problem, malformed
from inbox.twitter.sandbox.world import Account, Tweet
from inbox.twitter.sandbox.writing_api import keep, set_like

SHOWN = 200  # messages of one conversation
OTHER_ACTS = {"block": (people.relate, people.BLOCK), "unblock": (people.unrelate, people.BLOCK)}


# -- direct messages ---------------------------------------------------------------------------------------------


async def messages(request: Request) -> Response:
    return _messages(request)


def _messages(request: Request, **said: Any) -> Response:
    """With whom somebody talks privately, and what was said."""
    sandbox, me = _sandbox(request), _me(request)
    other = sandbox.world.account_named(request.path_params.get("username", ""))
    if "username" in request.path_params and not other:
        raise Problem(404, "Not here", "Nobody has this name.")
    shown = [] if not other or other.id == me.id else _between(sandbox, me, other)
    talks = _talks(sandbox, me)
    # Names of their own: what is private must not stand in the box for tweets too.
    begun = {"private_draft": timeline.begun_in(request), "private_refusal": "", "to": ""}
    return timeline.page(request, "messages.html", other=other, shown=shown, talks=talks, **{**begun, **said})


async def write_privately(request: Request) -> Response:
    form, sandbox, me = await timeline.form_of(request), _sandbox(request), _me(request)
    to = form.get("to", "").strip().removeprefix("@")
    other = sandbox.world.account_named(to)
    text = form.get("text", "").replace("\r\n", "\n")
    if not other:
        reason = f"Nobody here is called @{to}." if to else "Say to whom, by their @name."
        return _messages(request, private_draft=text, to=to, private_refusal=reason, code=404 if to else 400)
    request.path_params["username"] = other.username
    try:
        with sandbox.storage.transaction():
            picture = timeline.picture_in(sandbox, me, form, "dm_image")
            conversation_id = sandbox.private.conversation_of(me, other)
            sandbox.private.send(me, conversation_id, text, picture, is_encrypted=form.get("how") == "encrypted")
    except Problem as problem:
        reason = timeline.reason_of(problem)
        return _messages(request, private_draft=text, private_refusal=reason, code=problem.status)
    sandbox.deliveries.wake()
    return timeline.back({"back": f"/messages/{other.username}"}, anchor="newest")


async def picture(request: Request) -> Response:
    """The picture of a direct message, for the two who exchanged it."""
    sandbox, me = _sandbox(request), _me(request)
    media_id = an_id(request.path_params["id"], "id")
    found = sandbox.private.events_where("media_id = ? AND deleted_ms IS NULL", (media_id,), limit=1)
    if not found or not sandbox.private.is_member(found[0].conversation_id, me.id):
        raise Problem(404, "Not here", "There is no such picture for you.")
    content, media_type = sandbox.media.content(media_id)
    return Response(content, media_type=media_type, headers={"x-content-type-options": "nosniff"})


def _between(sandbox: Sandbox, me: Account, other: Account) -> list[cards.PrivateCard]:
    smaller, larger = sorted((me.id, other.id))
    found = sandbox.private.events_where(
        "conversation_id = ? AND deleted_ms IS NULL", (f"{smaller}-{larger}",), order="id DESC", limit=SHOWN
    )
    return [cards.private_card(event, me, other, sandbox.media) for event in reversed(found)]


def _talks(sandbox: Sandbox, me: Account) -> list[Account]:
    """Those with whom this account has exchanged messages, the last first."""
    rows = sandbox.storage.execute(
        "SELECT others.user_id FROM private_members mine"
        " JOIN private_members others ON others.conversation_id = mine.conversation_id"
        " JOIN private_events said ON said.conversation_id = mine.conversation_id"
        " WHERE mine.user_id = ? AND others.user_id != mine.user_id"
        " GROUP BY others.user_id ORDER BY max(said.id) DESC LIMIT 20",
        (me.id,),
    )
    ids = [row[0] for row in rows]
    known = sandbox.world.accounts(ids)
    return [known[one] for one in ids if one in known]


# -- tweets ------------------------------------------------------------------------------------------------------


async def edit(request: Request) -> Response:
    form, sandbox, me = await timeline.form_of(request), _sandbox(request), _me(request)
    tweet = _tweet(request, sandbox)
    text = form.get("text", "").replace("\r\n", "\n")
    try:
        with sandbox.storage.transaction():
            version = edits.edit(sandbox.world, sandbox.activity.drawing, me, tweet, Draft(text))
            sandbox.activity.announce([(version, None)])
    except Problem as problem:
        refused = {"refused_edit_of": tweet.id, "draft": text}
        return timeline.status_page(
            request, tweet.id, refusal=timeline.reason_of(problem), code=problem.status, **refused
        )
    sandbox.deliveries.wake()
    return timeline.back({"back": f"/status/{version.id}"})


async def like(request: Request) -> Response:
    form, sandbox, me = await timeline.form_of(request), _sandbox(request), _me(request)
    tweet = _tweet(request, sandbox)
    with sandbox.storage.transaction():
        set_like(sandbox, me, tweet, is_liked=form.get("how") != "unlike")
    sandbox.deliveries.wake()
    return timeline.back(form, anchor=f"tweet-{tweet.id}")


# -- accounts ----------------------------------------------------------------------------------------------------


async def relate(request: Request) -> Response:
    """Block somebody, or no longer."""
    form, sandbox, me = await timeline.form_of(request), _sandbox(request), _me(request)
    other = sandbox.world.account_named(request.path_params["username"])
    how = form.get("how", "")
    if not other or other.id == me.id or how not in OTHER_ACTS:
        raise malformed("Choose somebody else to block or unblock.")
    act, kind = OTHER_ACTS[how]
    with sandbox.storage.transaction():
        if act(sandbox.world, kind, me.id, other.id):
            activity = sandbox.activity
            payload = {"source": activity.user(me), "target": activity.user(other)}
            old = old_events.relation(how, "block", me, other, activity.public_url)
            activity.announce_act(f"block.{how}", me.id, payload, old)
            keep(sandbox, how, me.id, other.id)
    sandbox.deliveries.wake()
    return timeline.back(form)


async def hide_away(request: Request) -> Response:
    """Protect one's account, or open it again."""
    form, sandbox, me = await timeline.form_of(request), _sandbox(request), _me(request)
    with sandbox.storage.transaction():
        sandbox.world.change_account(me.id, {"protected": int(form.get("how") == "protect")})
    return timeline.back(form)


def _tweet(request: Request, sandbox: Sandbox) -> Tweet:
    tweet = sandbox.world.tweet(an_id(request.path_params["id"], "id"))
    if not tweet:
        raise Problem(404, "Not here", "This tweet is gone.")
    return tweet


def _me(request: Request) -> Account:
    me = timeline.me_of(request)
    if not me:
        raise malformed("Choose who you are first.")
    return me


def _sandbox(request: Request) -> Sandbox:
    return request.app.state.sandbox


ROUTES = [
    Route("/messages", messages, methods=["GET"]),
    Route("/messages", write_privately, methods=["POST"]),
    Route("/messages/media/{id}", picture, methods=["GET"]),
    Route("/messages/compose", forwarding.private_messages, methods=["GET"]),  # before names, which it looks like
    Route("/messages/{username}", messages, methods=["GET"]),
    Route("/status/{id}/edit", edit, methods=["POST"]),
    Route("/status/{id}/like", like, methods=["POST"]),
    Route("/account/{username}/relation", relate, methods=["POST"]),
    Route("/me/protection", hide_away, methods=["POST"]),
]
