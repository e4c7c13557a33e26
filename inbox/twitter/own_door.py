"""Knocking at our own webhook as Twitter does: through the front, signed, with an event that leaves nothing behind."""

import httpx
import msgspec

from inbox.twitter.signature import sign
from tenants.outgoing import certificates

# Of the shape of what Twitter says about a replay, which is counted and not stored.
KNOCK = "nightjar_knocks"
_BODY = msgspec.json.encode({"replay_job_status": {"job_id": KNOCK, "job_state": KNOCK}})
_SECONDS = 5.0


def knock(url: str, *, secret: str) -> str:
    """Why our webhook does not answer a signed event with 200, as Twitter would have it; empty: it does.

    No redirect is followed: Twitter follows none either.
    """
    headers = {"x-twitter-webhooks-signature": sign(_BODY, secret=secret), "content-type": "application/json"}
    try:
        with httpx.Client(timeout=_SECONDS, trust_env=False, verify=certificates(), follow_redirects=False) as http:
            status = http.post(url, content=_BODY, headers=headers).status_code
    except httpx.HTTPError as error:
        return f"Our webhook cannot be reached at its own address ({type(error).__name__})."
    if status == 200:
        return ""
    told = {401: "It finds our own signature wrong: is the consumer secret the same for all processes?"}
    return f"Our webhook answered {status}. {told.get(status, '')}".strip()
