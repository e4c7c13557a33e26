"""How Twitter proves that a webhook call is its own, and asks us to prove that the webhook is ours.

https://docs.x.com/x-api/webhooks/introduction: HMAC-SHA256 with the app's consumer secret, base64, over the raw body
(signature) or over the token (challenge).
"""

import base64
import hashlib
import hmac


def sign(body: bytes, *, secret: str) -> str:
    """The value of `x-twitter-webhooks-signature` for this body."""
    return "sha256=" + base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def is_signed(body: bytes, signature: str, *, secret: str) -> bool:
    """Whether the header fits the body; takes the same time whatever it holds."""
    return hmac.compare_digest(sign(body, secret=secret).encode(), signature.encode("latin-1", "replace"))


def answer_challenge(token: str, *, secret: str) -> dict[str, str]:
    """What a challenge-response check wants to hear."""
    return {"response_token": sign(token.encode(), secret=secret)}
