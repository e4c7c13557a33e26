"""Every fault, setting and control of the sandbox, and every setting of the channel, stands in the documents."""

import re

from inbox.twitter.sandbox import control, control_network, control_people, control_private
from inbox.twitter.sandbox.faults import ACTS, KINDS
from inbox.twitter.sandbox.settings import KNOWN
from tests.twitter.playing import PROJECT

SANDBOX = (PROJECT / "docs" / "sandbox.md").read_text()
TWITTER = (PROJECT / "docs" / "twitter.md").read_text()


def test_every_fault_and_setting_of_the_sandbox_is_described() -> None:
    described = {*re.findall(r"^\| `(\w+)` \|", SANDBOX, flags=re.M)}

    assert described == {*KINDS, *KNOWN}
    assert [act for act in ACTS if f"`{act}`" not in SANDBOX] == []


def test_every_control_of_the_sandbox_is_described() -> None:
    modules = (control, control_network, control_people, control_private)
    paths = {route.path.removeprefix("/sandbox/") for module in modules for route in module.ROUTES}

    assert [path for path in sorted(paths) if path not in SANDBOX] == []


def test_every_setting_of_the_channel_is_described() -> None:
    names = re.findall(r'"NIGHTJAR_TWITTER_(\w+)"', (PROJECT / "config" / "settings.py").read_text())

    assert [name for name in names if f"`{name}`" not in TWITTER] == []
