"""Secrets at rest: AES-GCM, bound to the very field they lie in: a sealed value moved elsewhere does not open.

Two keys may live at once, the newest first. A sealed value begins with the id of its key; those of the first days have
none, and open all the same. How a key is replaced: `docs/running.md`.
"""

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

_NONCE = 12
_MARK = b"\x01"
_ID = 4


def seal(secret: str, *, place: str) -> bytes:
    """Seal a secret with the newest key for one place, e.g. `b_1_acme/inbox_credential/17/access_token`."""
    key, nonce = _keys()[0], os.urandom(_NONCE)
    return _begins(key) + nonce + AESGCM(key).encrypt(nonce, secret.encode(), place.encode())


def unseal(sealed: bytes, *, place: str) -> str:
    """Open a sealed secret; raises `cryptography.exceptions.InvalidTag` for another place, key or content."""
    sealed = bytes(sealed)
    for key, rest in _attempts(sealed):
        try:
            return AESGCM(key).decrypt(rest[:_NONCE], rest[_NONCE:], place.encode()).decode()
        except (InvalidTag, ValueError):  # another key or place; cut short
            continue
    raise InvalidTag


def is_newest(sealed: bytes) -> bool:
    """Whether this was sealed with the newest key, as far as it says."""
    return bytes(sealed).startswith(_begins(_keys()[0]))


def place_in(schema: str, row: models.Model, field: str) -> str:
    """Where a row's sealed column lies. `sealed_access_token` is the column of the secret `access_token`."""
    return f"{schema}/{row._meta.db_table}/{row.pk}/{field.removeprefix('sealed_')}"


def sealed_columns(model: type[models.Model]) -> list[str]:
    """The columns of a model that hold something sealed: their names say so."""
    return [field.attname for field in model._meta.concrete_fields if field.attname.startswith("sealed_")]


def _attempts(sealed: bytes) -> list[tuple[bytes, bytes]]:
    """Each key that may open it, with what that key is to open."""
    named = [(key, sealed[len(_begins(key)) :]) for key in _keys() if sealed.startswith(_begins(key))]
    return named + [(key, sealed) for key in _keys()]


def _begins(key: bytes) -> bytes:
    return _MARK + hashlib.sha256(key).digest()[:_ID]


def _keys() -> list[bytes]:
    return [base64.b64decode(key) for key in (settings.SEALING_KEY, settings.SEALING_KEY_BEFORE) if key]
