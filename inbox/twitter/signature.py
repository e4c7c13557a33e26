"""How Twitter proves that a webhook call is its own, and asks us to prove that the webhook is ours.

https://docs.x.com/x-api/webhooks/introduction: HMAC-SHA256 with the app's consumer secret, base64, over the raw body
(signature) or over the token (challenge).
"""

import base64
import hashlib
import hmac

# A challenge is answered to whoever asks, with the very key that signs bodies. So: what could be a challenge proves
# nothing as a body, and what could be an event is no challenge. Twitter's tokens are letters and digits; events have a
# bracket like this.
EVENTS_HAVE = "{"
LONGEST_CHALLENGE = 512


def sign(body: bytes, *, secret: str) -> str:
    """The value of `x-twitter-webhooks-signature` for this body."""
    return "sha256=" + base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def is_signed(body: bytes, signature: str, *, secret: str) -> bool:
    """Whether the header fits the body; takes the same time whatever it holds. What a challenge may have been answered
    with is no signature."""
    if EVENTS_HAVE.encode() not in body:
        return False
    return hmac.compare_digest(sign(body, secret=secret).encode(), signature.encode("latin-1", "replace"))


def could_be_challenge(token: str) -> bool:
    """Whether this may be answered without signing an event for whoever asks."""
    return 0 < len(token) <= LONGEST_CHALLENGE and EVENTS_HAVE not in token


def answer_challenge(token: str, *, secret: str) -> dict[str, str]:
    """What a challenge-response check wants to hear."""
    return {"response_token": sign(token.encode(), secret=secret)}
