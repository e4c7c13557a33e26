"""Pictures that customers sent, from our own address. Runs inside the brand (`config/doors.py`)."""

from typing import Any

from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET

from inbox.domain import credentials
from inbox.models import Customer, Message
from inbox.twitter import pictures
from tenants import entry
from tenants.refusals import Refusal

# Nothing to be seen, so that the letters below a face that cannot be had show through: a GIF of one clear dot.
_NOBODY = pictures.Picture(
    "image/gif", bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")
)


@require_GET
def media(request: Any, token: str) -> HttpResponse:
    """One picture of a message, or a customer's face; fetched anew, so that nothing deleted is shown from a copy."""
    what, _, key = _named(token).partition(".")
    url, handle_id = _of_customer(key) if what == "face" else _of_message(what, key)
    try:
        bearer = credentials.opened(handle_id).access_token if handle_id and pictures.needs_token(url) else ""
        picture = pictures.fetch(url, bearer=bearer)
    except (pictures.NoPicture, Refusal) as error:
        if what != "face":
            raise Http404("There is no picture to show.") from error
        picture = _NOBODY
    return HttpResponse(
        picture.content,
        content_type=picture.content_type,
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": "inline",
            "Cache-Control": "private, no-store",
        },
    )


def address(brand_url: str, what: int | str, key: int | str) -> str:
    """Where this brand shows that picture: a message and its place in it, or "face" and a customer."""
    return f"{brand_url}media/{_signer().sign(f'{what}.{key}')}/"


def _named(token: str) -> str:
    try:
        return _signer().unsign(token)
    except BadSignature as error:
        raise Http404("There is no such picture.") from error


def _signer() -> Signer:
    return Signer(salt=f"media of {entry.current_schema()}")


def _of_message(pk: str, place: str) -> tuple[str, int]:
    message = Message.objects.select_related("conversation").filter(pk=pk, deleted_at=None, hidden_at=None).first()
    if message is None or not message.media or int(place) >= len(message.media):
        raise Http404("There is no such picture any more.")
    return picture_of(message.media[int(place)]), message.conversation.handle_id


def _of_customer(pk: str) -> tuple[str, int]:
    found = Customer.objects.filter(pk=pk, suspended_at=None).values_list("avatar_url", flat=True).first()
    if not found:
        raise Http404("There is no such face.")
    return found, 0


def picture_of(one: dict[str, Any]) -> str:
    """The address of what can be shown of it: a photo itself, of a film its first picture."""
    return str((one.get("url") if one.get("kind") == "photo" else one.get("preview")) or "")
