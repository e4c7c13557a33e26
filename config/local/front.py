"""The front door: Caddy, which makes one origin on one port of several processes."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from config.local import places, servers
from config.local.processes import CannotStart

# While a process restarts, its callers wait a little instead of seeing an error.
CADDYFILE = """\
{{
	admin off
	auto_https off
	persist_config off
	grace_period 3s
	servers {{
		protocols h1
	}}
	log {{
		output stderr
		format console {{
			level_format upper
		}}
		level ERROR
	}}
}}

(to) {{
	reverse_proxy 127.0.0.1:{{args[0]}} {{
		lb_try_duration 5s
		lb_try_interval 100ms
	}}
}}

http://:{port} {{
	bind {addresses}

	@sandbox host twitter.{domain}
	handle @sandbox {{
		encode zstd gzip
		import to {sandbox}
	}}

	@live path /live/* /twitter/webhook
	handle @live {{
		import to {live}
	}}

	# A file for a reply: a video of 64 MB is the largest that Nightjar takes.
	@files path_regexp ^(/b/[^/]+)?/conversations/[0-9]+/files/$
	handle @files {{
		request_body {{
			max_size 66MB
		}}
		import to {pages}
	}}

	handle {{
		# A logo is the largest thing that anybody sends to a page.
		request_body {{
			max_size 4MB
		}}
		encode zstd gzip
		import to {pages}
	}}
}}
"""


def command(env: Mapping[str, str]) -> list[str]:
    return [str(places.caddy_program()), "run", "--adapter", "caddyfile", "--config", str(_caddyfile(env))]


def write(env: Mapping[str, str]) -> None:
    """Write down which host and path leads to which process."""
    path = _caddyfile(env)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(
        CADDYFILE.format(
            port=env["NIGHTJAR_PORT"],
            addresses=" ".join(_addresses()),
            domain=env["NIGHTJAR_BASE_DOMAIN"],
            sandbox=env["NIGHTJAR_SANDBOX_PORT"],
            live=env["NIGHTJAR_LIVE_PORT"],
            pages=env["NIGHTJAR_PAGES_PORT"],
        )
    )


def check_port(port: int) -> None:
    """Raise `CannotStart` when the front door cannot have this port."""
    if port < 1024 and os.geteuid() != 0:
        raise CannotStart(f"Ports below 1024 are root's. Choose another: PORT={port + 8000} make run")
    if any(not servers.is_free(port, address) for address in _addresses()):
        raise CannotStart(f"Something else listens on port {port}. Choose another: PORT={port + 1} make run")


def _caddyfile(env: Mapping[str, str]) -> Path:
    return Path(env["NIGHTJAR_HOME"], "caddy", "Caddyfile")


def _addresses() -> list[str]:
    """The loopback's addresses. Some machines have no IPv6."""
    addresses = ["127.0.0.1"]
    if socket.has_ipv6:
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            return addresses
        addresses.append("::1")
    return addresses
