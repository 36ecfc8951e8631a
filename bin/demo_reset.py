"""`make demo-reset`: forgets the demonstration in the state directory, passwords and keys included."""

import os
import shutil
import sys
from pathlib import Path

from bin.console_text import fail, say
from bin.environment import ROOT
from bin.launcher import lock
from bin.launcher.state import StateDirectory

# What the launcher and the product make there; anything else is somebody else's and stays.
FILES = ("db.sqlite3*", "beat-schedule*", "secrets.env", "processes.json", "ready.json", "run.lock")
FOLDERS = ("logs", "valkey", "simcluster")


def main() -> int:
    """Remove the demonstration's data unless a console runs on it; the exit code."""
    state = StateDirectory(Path(os.environ.get("MESHCONSOLE_STATE_DIR") or ROOT / "var").resolve())
    pid = lock.holder(state.lock)
    if pid is not None:
        return fail(f"A console is running on {state.root} (process {pid}). Stop it first: make stop.")
    if not state.root.exists():
        say("There is nothing to forget")
        return 0
    for pattern in FILES:
        for path in state.root.glob(pattern):
            path.unlink()
    for folder in FOLDERS:
        shutil.rmtree(state.root / folder, ignore_errors=True)
    say(f"Forgot the demonstration in {state.root}; the next `make run` starts from nothing")
    if os.environ.get("DATABASE_URL"):
        say("DATABASE_URL is set: that database was not touched", colour="yellow")
    return 0


if __name__ == "__main__":
    sys.exit(main())
