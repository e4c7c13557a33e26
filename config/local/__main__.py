"""`python -m config.local up | status | reset | bench [NAME ...] | with COMMAND`.

`with` runs a command beside servers of its own, which are thrown away afterwards: for tools that need settings.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from config import environment
from config.local import bench, places, servers, supervisor
from config.local.processes import CannotStart, end_leftovers, holder


def main() -> int:
    commands = {"up": up, "status": status, "reset": reset}
    name, *command = sys.argv[1:] or [""]
    try:
        if name == "with" and command:
            return beside_servers(command)
        if name == "bench":
            return bench.run(command)
        if name in commands and not command:
            return commands[name]()
    except CannotStart as sentence:
        print(sentence)
        return 1
    print(__doc__)
    return 2


def up() -> int:
    return supervisor.run(environment.home_directory(), os.environ)


def status() -> int:
    home = environment.home_directory()
    pid = holder(home)
    if pid is None:
        print(f"Nightjar does not run from {home}.")
        return 1
    port = environment.read(home).get("NIGHTJAR_PORT", "8000")
    print(f"Nightjar runs from {home} (pid {pid}): http://localhost:{port}")
    return 0


def reset() -> int:
    """Throw the state directory away, after asking."""
    home = environment.home_directory()
    if (pid := holder(home)) is not None:
        raise CannotStart(f"Nightjar still runs from {home} (pid {pid}). Stop it first.")
    if not home.exists():
        print(f"There is nothing to throw away: {home} does not exist.")
        return 0
    if not (home / "lock").exists():
        raise CannotStart(f"{home} is not a state directory of Nightjar, so it stays.")
    print(f"This deletes all conversations, people and settings in {home}.")
    try:
        answer = input("Type `yes` to go on: ")
    except EOFError:
        answer = ""
    if answer.strip().lower() != "yes":
        print("Nothing was deleted.")
        return 1
    end_leftovers(home)
    places.remove(home)
    print("Deleted. The next `make run` starts afresh.")
    return 0


def beside_servers(command: list[str]) -> int:
    with servers.start(Path(tempfile.mkdtemp(prefix="nightjar-")), throwaway=True) as running:
        return subprocess.run(command, env={**os.environ, **running.env}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
