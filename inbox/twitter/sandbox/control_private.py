"""The control surface for private messages, written as anybody, and the ledger of them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox.asking import make_media, person, sandbox_of
from inbox.twitter.sandbox.parameters import an_id, an_optional_id, read_object
from inbox.twitter.sandbox.problems import Problem, json_response, malformed
from inbox.twitter.sandbox.world import Account


async def send(request: Request) -> Response:
    body, sandbox = await read_object(request), sandbox_of(request)
    sender, text = person(sandbox, body.get("from")), body.get("text", "")
    if not isinstance(text, str):
        raise malformed("`text` is a text.")
    is_encrypted = bool(body.get("encrypted", sandbox.world.settings["encrypted_private"]))
    with sandbox.storage.transaction():
        conversation_id = _conversation(request, body, sender)
        media = body.get("media")
        media_id = make_media(sandbox, sender, media, "dm_") if media else None
        event_id = an_optional_id(body.get("id"), "id")
        event = sandbox.private.send(
            sender, conversation_id, text, media_id, event_id=event_id, is_encrypted=is_encrypted,
            deliver=bool(body.get("deliver", True)),
        )  # fmt: skip
    sandbox.deliveries.wake()
    return json_response({"id": str(event.id), "conversation_id": conversation_id})


async def read(request: Request) -> Response:
    body, sandbox = await read_object(request), sandbox_of(request)
    reader = person(sandbox, body.get("from"))
    with sandbox.storage.transaction():
        sandbox.private.read(reader, _conversation(request, body, reader))
    sandbox.deliveries.wake()
    return json_response({"read": True})


async def write(request: Request) -> Response:
    body, sandbox = await read_object(request), sandbox_of(request)
    writer = person(sandbox, body.get("from"))
    with sandbox.storage.transaction():
        sandbox.private.type(writer, _conversation(request, body, writer))
    sandbox.deliveries.wake()
    return json_response({"typing": True})


async def delete(request: Request) -> Response:
    sandbox, event_id = sandbox_of(request), an_id(request.path_params["id"], "id")
    found = sandbox.private.events_where("id = ? AND deleted_ms IS NULL", (event_id,), limit=1)
    if not found:
        raise Problem(404, "Not Found", "There is no such message.")
    sandbox.private.delete(found[0])
    return json_response({"deleted": True})


def _conversation(request: Request, body: dict[str, Any], sender: Account) -> str:
    sandbox, conversation_id = sandbox_of(request), body.get("conversation_id")
    if conversation_id is None:
        return sandbox.private.conversation_of(sender, person(sandbox, body.get("to"), "to"))
    if not sandbox.private.is_member(str(conversation_id), sender.id):
        raise malformed("`conversation_id`: there is no such conversation with this person in it.")
    return str(conversation_id)


ROUTES = [
    Route("/sandbox/private", send, methods=["POST"]),
    Route("/sandbox/private/read", read, methods=["POST"]),
    Route("/sandbox/private/typing", write, methods=["POST"]),
    Route("/sandbox/private/{id}", delete, methods=["DELETE"]),
]
