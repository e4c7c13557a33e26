"""Secrets at rest: AES-GCM, bound to the very field they lie in: a sealed value moved elsewhere does not open."""

import base64
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE = 12


def seal(secret: str, *, place: str) -> bytes:
    """Seal a secret for one place, e.g. `b_1_acme/inbox_credential/17/access_token`."""
    nonce = os.urandom(_NONCE)
    return nonce + _cipher().encrypt(nonce, secret.encode(), place.encode())


def unseal(sealed: bytes, *, place: str) -> str:
    """Open a sealed secret; raises `cryptography.exceptions.InvalidTag` for another place, key or content."""
    sealed = bytes(sealed)
    return _cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode()).decode()


def _cipher() -> AESGCM:
    return AESGCM(base64.b64decode(settings.SEALING_KEY))
