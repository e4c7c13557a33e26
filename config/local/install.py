"""Build `.venv` from a hash-locked file, when it is missing or that file has changed.

Run by a Python that has nothing but pip: `python3 config/local/install.py requirements.txt`.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036, this is where we find out
        sys.exit("Nightjar needs Python 3.11 or newer. Name one: make run PYTHON=/path/to/python3")
    wanted = PROJECT / sys.argv[1]
    stamp = VENV / f"{wanted.name}.installed"
    content = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if works(PYTHON) and stamp.exists() and stamp.read_text() == content:
        return
    install = installer() if works(PYTHON) else None
    if not install:
        print("Making .venv …", flush=True)
        make_venv()
        install = installer()
    if not install:
        sys.exit(f"{sys.executable} has no pip. Install it (on Debian: python3-pip), or name another: PYTHON=…")
    print(f"Installing {wanted.name} into .venv (half a minute or so) …", flush=True)
    subprocess.run([*install, "--require-hashes", "-r", str(wanted)], check=True, cwd=PROJECT)
    stamp.write_text(content)


def make_venv() -> None:
    if uv := uv_program():
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)], check=True)
        return
    # Debian leaves `ensurepip` out of its python3. Its own pip then installs into ours from outside.
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)], check=True)


def installer() -> list[str] | None:
    """The command that installs into `.venv`: uv's, that of a pip in it, or that of the pip beside us."""
    if uv := uv_program():
        return [uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
    inside, beside = [str(PYTHON), "-m", "pip"], [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    for pip in (inside, beside) if version(str(PYTHON)) == version(sys.executable) else (inside,):
        if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode == 0:
            return [*pip, "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    return None


def version(python: str) -> str:
    """Such as 3.11: a pip may not understand a newer Python than its own."""
    ask = "import sys; print(*sys.version_info[:2], sep='.')"
    return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


def uv_program() -> str | None:
    found = shutil.which("uv")
    return found if found and works(Path(found), "--version") else None


def works(program: Path, *arguments: str) -> bool:
    """Whether a program is there and runs; the Python of a virtual environment may have gone away."""
    command = [str(program), *(arguments or ("-c", ""))]
    return program.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
