"""The floor plan as import contracts: they are kept, and each of them notices when it is broken."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.source import APPS, PROJECT

# contract: an import that breaks it, and the module to put it in.
BREACHES = {
    "Apps: each imports only those below it": ("tenants/queries.py", "import accounts.queries"),
    "Inside an app: doors above domain, domain above models": ("inbox/domain/sla.py", "import inbox.tasks"),
    "Reports ask; they never act": ("reporting/views.py", "import inbox.domain.wrapup"),
    "The inside of an app knows no door": ("playbooks/domain/canned.py", "import celery"),
    "Only the gateway, and guarded outgoing calls, speak HTTP": ("accounts/forms.py", "import httpx"),
}


def test_the_contracts_are_kept():
    assert _broken(PROJECT) == (set(), len(BREACHES))


def test_each_contract_notices_a_breach(tmp_path):
    for app in APPS:
        shutil.copytree(PROJECT / app, tmp_path / app, ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    for name, line in BREACHES.values():
        with (tmp_path / name).open("a") as file:
            file.write(f"\n{line}\n")

    assert _broken(tmp_path) == (set(BREACHES), 0)


def test_a_module_that_the_floor_plan_does_not_know_is_noticed(tmp_path):
    for app in APPS:
        shutil.copytree(PROJECT / app, tmp_path / app, ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    (tmp_path / "inbox" / "chores.py").touch()

    assert "Inside an app: doors above domain, domain above models" in _broken(tmp_path)[0]


def _broken(project: Path) -> tuple[set[str], int]:
    """The contracts that are broken, and how many are kept."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    said = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"^(.*) BROKEN", said, flags=re.M)), len(re.findall(r"^.* KEPT", said, flags=re.M))
