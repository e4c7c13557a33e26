"""Private messages under `/2`: for the account's own token only."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import people, problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.answers import Showing, answer
from inbox.twitter.sandbox.parameters import an_id, page, read_object, token_after, wanted
from inbox.twitter.sandbox.private import JOIN, LEAVE, MESSAGE, PrivateEvent
from inbox.twitter.sandbox.wire import distinct
from inbox.twitter.sandbox.world import Account

READ = "dm.read tweet.read users.read"
WRITE = "dm.write dm.read tweet.read users.read"
KINDS = (MESSAGE, JOIN, LEAVE)
MOST_MEMBERS = 49


# -- writing -----------------------------------------------------------------------------------------------------


@endpoint("/2/dm_conversations/with/{participant_id}/messages", app=False, scopes=WRITE, act="private")
async def send_to_account(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    text, media_id = _message(await read_object(request))
    other = _account(sandbox, an_id(request.path_params["participant_id"], "participant_id"))
    assert caller.account
    if not people.takes_private(sandbox.world, caller.account, other):
        raise problems.forbidden(problems.NO_PRIVATE)
    with sandbox.storage.transaction():
        conversation_id = sandbox.private.conversation_of(caller.account, other)
        return _sent(sandbox, caller.account, conversation_id, text, media_id)


@endpoint("/2/dm_conversations/{id}/messages", app=False, scopes=WRITE, act="private")
async def send_to_conversation(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    text, media_id = _message(await read_object(request))
    assert caller.account
    conversation_id = _conversation(request, sandbox, caller)
    with sandbox.storage.transaction():
        return _sent(sandbox, caller.account, conversation_id, text, media_id)


@endpoint("/2/dm_conversations", app=False, scopes=WRITE, act="private")
async def create_group(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    body = await read_object(request)
    if body.get("conversation_type") != "Group":
        raise problems.invalid(
            f"$.conversation_type: does not have a value in the enumeration [Group]: {body.get('conversation_type')}",
            conversation_type=str(body.get("conversation_type"))[:60],
        )
    asked = body.get("participant_ids")
    if not isinstance(asked, list) or not 2 <= len(asked) <= MOST_MEMBERS:
        raise problems.invalid(
            f"`participant_ids` names 2 to {MOST_MEMBERS} accounts.", participant_ids=str(asked)[:60]
        )
    text, media_id = _message(body.get("message"))
    others = [_account(sandbox, an_id(one, "participant_ids")) for one in asked]
    assert caller.account
    with sandbox.storage.transaction():
        conversation_id = sandbox.private.new_group(caller.account, others)
        return _sent(sandbox, caller.account, conversation_id, text, media_id)


@endpoint("/2/dm_events/{event_id}", app=False, scopes=WRITE, act="private_delete")
async def delete_event(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    event = sandbox.private.event(an_id(request.path_params["event_id"], "event_id"), caller.user_id)
    if not event:
        raise problems.no_such("message")
    if event.sender_id != caller.user_id or event.kind != MESSAGE:
        raise problems.forbidden("You may delete only messages that you sent yourself.")
    with sandbox.storage.transaction():
        sandbox.private.delete(event)
        sandbox.till.write("interaction_delete")
    return answer(sandbox, {"data": {"deleted": True}})


@endpoint("/2/users/{id}/dm/block", app=False, scopes=WRITE, act="private_block")
async def block(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    return _block(request, sandbox, caller, is_blocked=True)


@endpoint("/2/users/{id}/dm/unblock", app=False, scopes=WRITE, act="private_block")
async def unblock(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    return _block(request, sandbox, caller, is_blocked=False)


def _block(request: Request, sandbox: Sandbox, caller: Caller, *, is_blocked: bool) -> Response:
    other = _account(sandbox, an_id(request.path_params["id"], "id"))
    assert caller.user_id
    change = people.relate if is_blocked else people.unrelate
    with sandbox.storage.transaction():
        change(sandbox.world, people.PRIVATE_BLOCK, caller.user_id, other.id)
        sandbox.till.write("privacy_update")
    return answer(sandbox, {"data": {"blocked": is_blocked}})


def _sent(sandbox: Sandbox, sender: Account, conversation_id: str, text: str, media_id: int | None) -> Response:
    event = sandbox.private.send(sender, conversation_id, text, media_id)
    sandbox.till.write("dm_create")
    sandbox.deliveries.wake()
    data = {"dm_conversation_id": conversation_id, "dm_event_id": str(event.id)}
    return answer(sandbox, {"data": data}, status=201)


# -- reading -----------------------------------------------------------------------------------------------------


@endpoint("/2/dm_events", app=False, scopes=READ)
async def get_events(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    return _page(request, sandbox, caller, None)


@endpoint("/2/dm_conversations/with/{participant_id}/dm_events", app=False, scopes=READ)
async def get_events_with(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    other_id = an_id(request.path_params["participant_id"], "participant_id")
    smaller, larger = sorted((caller.user_id or 0, other_id))
    return _page(request, sandbox, caller, f"{smaller}-{larger}")


@endpoint("/2/dm_conversations/{id}/dm_events", app=False, scopes=READ)
async def get_events_of(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    return _page(request, sandbox, caller, _conversation(request, sandbox, caller))


@endpoint("/2/dm_events/{event_id}", app=False, scopes=READ)
async def get_event(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    event_id = an_id(request.path_params["event_id"], "event_id")
    event = sandbox.private.event(event_id, caller.user_id)
    showing = Showing(sandbox, caller, wanted(request))
    if not event:
        return answer(sandbox, {}, errors=[problems.not_found("dm_event", "event_id", str(event_id))])
    shown, includes = _shown(showing, [event])
    return answer(sandbox, {"data": shown[0], **includes}, errors=showing.errors)


@endpoint("/2/dm_conversations/media/{dm_id}/{media_id}/{resource_id}", app=False, scopes=READ, billed=False)
async def get_media(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    """A picture of a message, for those who are in the conversation."""
    event = sandbox.private.event(an_id(request.path_params["dm_id"], "dm_id"), caller.user_id)
    media_id = an_id(request.path_params["media_id"], "media_id")
    if not event or event.media_id != media_id:
        raise problems.no_such("medium")
    content, media_type = sandbox.media.content(media_id)
    return Response(content, media_type=media_type)


def _page(request: Request, sandbox: Sandbox, caller: Caller, conversation_id: str | None) -> Response:
    query, showing = request.query_params, Showing(sandbox, caller, wanted(request))
    if unknown := {"since_id", "until_id", "start_time", "end_time"} & set(query):
        name = min(unknown)
        raise problems.invalid(f"The query parameter [{name}] is not one of those there are.", **{name: query[name]})
    kinds = [kind for kind in query.get("event_types", "").split(",") if kind] or list(KINDS)
    if not set(kinds) <= set(KINDS):
        raise problems.invalid(f"`event_types` may name {', '.join(KINDS)}.", event_types=",".join(kinds)[:60])
    part = page(request, smallest=1, default="100")
    events = sandbox.private.page(caller.user_id or 0, conversation_id, kinds, part.below, part.size)
    more, events = len(events) > part.size, events[: part.size]
    shown, includes = _shown(showing, events)
    meta: dict[str, Any] = {"result_count": len(events)}
    if more:
        meta["next_token"] = token_after(events[-1].id)
    if "pagination_token" in query and events:
        meta["previous_token"] = token_after(events[0].id)
    return answer(sandbox, {"data": shown, **includes}, errors=showing.errors, meta=meta)


def _shown(showing: Showing, events: list[PrivateEvent]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    sandbox, asked = showing.sandbox, showing.asked
    data = [sandbox.private.as_json(event, asked.private_fields) for event in events]
    ids: list[int] = []
    for event in events:
        ids += [event.sender_id] if "sender_id" in asked.expansions else []
        ids += event.participant_ids if "participant_ids" in asked.expansions else []
    found = sandbox.world.accounts(ids)
    with_media = [event for event in events if event.media_id and "attachments.media_keys" in asked.expansions]
    includes = {
        "users": [showing.user(found[user_id]) for user_id in distinct(ids) if user_id in found],
        "media": [
            sandbox.media.as_json(event.media_id or 0, asked.media_fields, sandbox.private.address(event))
            for event in with_media
        ],
    }
    showing.pay("dm_event_read", (event.id for event in events))
    showing.pay("user_read", found)
    return data, {"includes": {name: one for name, one in includes.items() if one}}


def _message(body: object) -> tuple[str, int | None]:
    if not isinstance(body, dict) or set(body) - {"text", "attachments"}:
        raise problems.invalid("A message has `text`, `attachments` or both.", message=str(body)[:60])
    text, attachments = body.get("text", ""), body.get("attachments", [])
    if not isinstance(text, str):
        raise problems.invalid("`text` is a string.", text=str(text)[:60])
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise problems.invalid("`attachments` is a list of objects with `media_id`.", attachments=str(attachments)[:60])
    if len(attachments) > 1:
        raise problems.invalid("A message carries one medium at most.", attachments=str(attachments)[:60])
    return text, an_id(attachments[0].get("media_id"), "media_id") if attachments else None


def _conversation(request: Request, sandbox: Sandbox, caller: Caller) -> str:
    conversation_id = request.path_params["id"]
    if not sandbox.private.is_member(conversation_id, caller.user_id):
        raise problems.forbidden("You are not permitted to see this conversation, or it does not exist.")
    return conversation_id


def _account(sandbox: Sandbox, account_id: int) -> Account:
    account = sandbox.world.account(account_id)
    if not account:
        raise problems.invalid(f"There is no account with the id {account_id}.", participant_id=account_id)
    return account


ROUTES = [
    Route("/2/dm_conversations", create_group, methods=["POST"]),
    Route("/2/dm_conversations/with/{participant_id}/messages", send_to_account, methods=["POST"]),
    Route("/2/dm_conversations/with/{participant_id}/dm_events", get_events_with, methods=["GET"]),
    Route("/2/dm_conversations/media/{dm_id}/{media_id}/{resource_id}", get_media, methods=["GET"]),
    Route("/2/dm_conversations/{id}/messages", send_to_conversation, methods=["POST"]),
    Route("/2/dm_conversations/{id}/dm_events", get_events_of, methods=["GET"]),
    Route("/2/dm_events", get_events, methods=["GET"]),
    Route("/2/dm_events/{event_id}", get_event, methods=["GET"]),
    Route("/2/dm_events/{event_id}", delete_event, methods=["DELETE"]),
    Route("/2/users/{id}/dm/block", block, methods=["POST"]),
    Route("/2/users/{id}/dm/unblock", unblock, methods=["POST"]),
]
