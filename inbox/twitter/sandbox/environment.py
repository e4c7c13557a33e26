"""What the sandbox is told by its surroundings when it starts."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    database: Path
    consumer_secret: bytes  # signs deliveries and is what a webhook's CRC answer is checked with
    app_bearer: str
    public_url: str  # where a browser finds this page, without a slash at the end
    base_domain: str
    # The one app that is registered here, and the one address to which people are sent back to it. None: no app.
    client_id: str = ""
    client_secret: str = ""
    callback_url: str = ""


def read() -> Environment:
    """Read the environment; a missing secret stops the process with a sentence, not a stack of calls later."""
    secret = os.environ.get("NIGHTJAR_TWITTER_CONSUMER_SECRET", "")
    bearer = os.environ.get("NIGHTJAR_TWITTER_APP_BEARER", "")
    if not secret or not bearer:
        raise RuntimeError(
            "The sandbox Twitter needs NIGHTJAR_TWITTER_CONSUMER_SECRET and NIGHTJAR_TWITTER_APP_BEARER."
        )
    home = Path(os.environ.get("NIGHTJAR_HOME", "var"))
    return Environment(
        database=Path(os.environ.get("NIGHTJAR_SANDBOX_DB") or home / "sandbox.sqlite3"),
        consumer_secret=secret.encode(),
        app_bearer=bearer,
        public_url=f"http://twitter.{domain()}:{os.environ.get('NIGHTJAR_PORT', '8000')}",
        base_domain=domain(),
        client_id=os.environ.get("NIGHTJAR_TWITTER_CLIENT_ID", ""),
        client_secret=os.environ.get("NIGHTJAR_TWITTER_CLIENT_SECRET", ""),
        callback_url=os.environ.get("NIGHTJAR_TWITTER_CALLBACK_URL")
        or f"http://{domain()}:{os.environ.get('NIGHTJAR_PORT', '8000')}/twitter/callback/",
    )


def domain() -> str:
    return os.environ.get("NIGHTJAR_BASE_DOMAIN", "localhost")
