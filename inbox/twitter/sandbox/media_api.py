"""Uploading pictures and films under `/2/media`, and serving what tweets carry."""

from io import BytesIO
from typing import Any

import msgspec
from PIL import Image, ImageDraw
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.answers import answer
from inbox.twitter.sandbox.parameters import an_id, read_body, read_object, wanted
from inbox.twitter.sandbox.problems import json_response
from inbox.twitter.sandbox.shelf import CATEGORIES, MB, Media, kind_of, type_of
from inbox.twitter.sandbox.snowflake import now_ms

WRITE = "media.write"
PART_LIMIT = 6 * MB
LONGEST_ALT = 1_000


@endpoint("/2/media/upload", app=False, scopes=WRITE, act="upload", billed=False)
async def upload(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    """A whole picture in one go."""
    fields = await _fields(request)
    content, category = fields.get("media"), _category(fields.get("media_category"))
    if not isinstance(content, bytes) or not content:
        raise problems.invalid("`media` holds the bytes of the picture.", media="")
    if kind_of(category) == "video":
        raise problems.invalid("A video is uploaded in parts.", media_category=category)
    media_type = str(fields.get("media_type") or type_of(content))
    with sandbox.storage.transaction():
        media = sandbox.media.start(caller.user_id or 0, category, media_type, len(content))
        media = sandbox.media.keep(media, content)
    return _said(sandbox, _state(media))


@endpoint("/2/media/upload/initialize", app=False, scopes=WRITE, act="upload_initialize", billed=False)
async def initialize(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    fields = await _fields(request)
    total, category = str(fields.get("total_bytes", "")), _category(fields.get("media_category", "tweet_image"))
    if not total.isdigit() or len(total) > 12:
        raise problems.invalid("`total_bytes` is a whole number.", total_bytes=total[:60])
    media = sandbox.media.start(caller.user_id or 0, category, str(fields.get("media_type", "")), int(total))
    data = {"id": str(media.id), "media_key": media.key, "expires_after_secs": media.seconds_left}
    return _said(sandbox, data)


@endpoint("/2/media/upload/{id}/append", app=False, scopes=WRITE, act="upload_append", billed=False)
async def append(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    media = _own(request.path_params["id"], sandbox, caller)
    fields = await _fields(request)
    number, content = str(fields.get("segment_index", "")), fields.get("media")
    if not number.isdigit() or int(number[:5]) > 999:
        raise problems.invalid("`segment_index` is a number from 0 to 999.", segment_index=number[:60])
    if not isinstance(content, bytes) or not content or len(content) > 5 * MB:
        raise problems.invalid("`media` holds a part of 5 MB at most.", media="")
    sandbox.media.append(media, int(number), content)
    return _said(sandbox, {"expires_at": now_ms() // 1000 + media.seconds_left})


@endpoint("/2/media/upload/{id}/finalize", app=False, scopes=WRITE, act="upload_finalize", billed=False)
async def finalize(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    media = sandbox.media.finish(_own(request.path_params["id"], sandbox, caller))
    return _said(sandbox, _state(media))


@endpoint("/2/media/upload", app=False, scopes=WRITE, billed=False)
async def status(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    query = request.query_params
    if query.get("command", "STATUS") != "STATUS":
        raise problems.invalid("`command` is STATUS.", command=query["command"][:60])
    return _said(sandbox, _state(_own(query.get("media_id", ""), sandbox, caller)))


@endpoint("/2/media/metadata", app=False, scopes=WRITE, act="alt_text")
async def describe(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    body = await read_object(request)
    media, metadata = _own(body.get("id"), sandbox, caller), body.get("metadata", {})
    alt = metadata.get("alt_text") if isinstance(metadata, dict) else None
    text = alt.get("text") if isinstance(alt, dict) else None
    if not isinstance(text, str) or not 1 <= len(text) <= LONGEST_ALT:
        raise problems.invalid(f"`metadata.alt_text.text` has 1 to {LONGEST_ALT} characters.", alt_text=str(text)[:60])
    with sandbox.storage.transaction():
        sandbox.media.describe(media.id, text)
        sandbox.till.write("media_metadata")
    data = {"id": str(media.id), "associated_metadata": {"alt_text": {"text": text}}}
    return answer(sandbox, {"data": data})


@endpoint("/2/media", billed=False)
async def get_many(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    keys = [key for key in request.query_params.get("media_keys", "").split(",") if key]
    if not 1 <= len(keys) <= 100:
        raise problems.invalid("`media_keys` names 1 to 100 media.", media_keys=",".join(keys)[:60])
    fields = wanted(request).media_fields
    return answer(sandbox, {"data": [sandbox.media.as_json(_id_in(key), fields) for key in keys]})


@endpoint("/2/media/{media_key}", billed=False)
async def get_one(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    media_id = _id_in(request.path_params["media_key"])
    return answer(sandbox, {"data": sandbox.media.as_json(media_id, wanted(request).media_fields)})


async def serve(request: Request) -> Response:
    """What a tweet carries, for everybody; pictures of private messages have another door."""
    sandbox: Sandbox = request.app.state.sandbox
    name, _, ending = request.path_params["name"].partition(".")
    media = sandbox.media.found(an_id(name, "name"))
    if media.category.startswith("dm_"):
        raise problems.no_such("medium")
    if ending == "preview.jpg":
        return Response(PREVIEW, media_type="image/jpeg")
    content, media_type = sandbox.media.content(media.id)
    headers = {"x-content-type-options": "nosniff", "cache-control": "max-age=3600"}
    return Response(content, media_type=media_type, headers=headers)


def _preview() -> bytes:
    """The first picture of each film: a grey ground with a sign to play it, as Twitter gives them, in JPEG."""
    picture, written = Image.new("RGB", (640, 360), "#555566"), BytesIO()
    ImageDraw.Draw(picture).polygon([(264, 112), (264, 248), (384, 180)], fill="#ffffff")
    picture.save(written, "JPEG")
    return written.getvalue()


PREVIEW = _preview()


def _said(sandbox: Sandbox, data: dict[str, Any]) -> Response:
    """The older description wants a `meta`, and says nothing of what is in it."""
    return json_response({"data": data, "meta": {}} if sandbox.world.vocabulary == "tweet" else {"data": data})


def _state(media: Media) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": str(media.id),
        "media_key": media.key,
        "size": media.total_bytes,
        "expires_after_secs": media.seconds_left,
    }
    if media.width:
        shown["image"] = {"image_type": media.media_type, "w": media.width, "h": media.height}
    waiting = media.ready_ms - now_ms()
    if media.state == "failed":
        shown["processing_info"] = {"state": "failed", "progress_percent": 0}
    elif media.kind != "image" and media.state == "done":
        if waiting > 0:
            whole = max(media.ready_ms - media.created_ms, 1)
            percent = min(max(100 - 100 * waiting // whole, 0), 99)
            state = "pending" if percent < 10 else "in_progress"
            shown["processing_info"] = {"state": state, "check_after_secs": 1, "progress_percent": percent}
        else:
            shown["processing_info"] = {"state": "succeeded", "progress_percent": 100}
    return shown


async def _fields(request: Request) -> dict[str, Any]:
    """The fields of a form, or of JSON with the bytes in base64."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        form = await request.form(max_part_size=PART_LIMIT)
        return {name: await one.read() if isinstance(one, UploadFile) else one for name, one in form.items()}
    body = await read_body(request, 8 * MB)
    try:
        fields = msgspec.json.decode(body)
        if isinstance(fields, dict):
            if isinstance(fields.get("media"), str):
                fields["media"] = msgspec.convert(fields["media"], bytes)
            return fields
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise problems.invalid(f"The body is neither a form nor JSON: {error}") from error
    raise problems.invalid("The body has to be a form or a JSON object.")


def _category(value: object) -> str:
    if value not in CATEGORIES:
        raise problems.invalid(f"`media_category` is one of {', '.join(CATEGORIES)}.", media_category=str(value)[:60])
    return str(value)


def _own(value: object, sandbox: Sandbox, caller: Caller) -> Media:
    media = sandbox.media.found(an_id(value, "media_id"))
    if media.owner_id != caller.user_id:
        raise problems.invalid("Your media IDs are invalid.", media_id=media.id)
    return media


def _id_in(key: str) -> int:
    return an_id(key.partition("_")[2], "media_key")


ROUTES = [
    Route("/2/media/upload", upload, methods=["POST"]),
    Route("/2/media/upload", status, methods=["GET"]),
    Route("/2/media/upload/initialize", initialize, methods=["POST"]),
    Route("/2/media/upload/{id}/append", append, methods=["POST"]),
    Route("/2/media/upload/{id}/finalize", finalize, methods=["POST"]),
    Route("/2/media/metadata", describe, methods=["POST"]),
    Route("/2/media", get_many, methods=["GET"]),
    Route("/2/media/{media_key}", get_one, methods=["GET"]),
    Route("/media/{name}", serve, methods=["GET"]),
]
