"""How the commands speak: one line a step, a sentence on failure. Knows nothing of what is done."""

import os
import sys
import time

PALETTE = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
    "grey": "90",
}
_STARTED = time.monotonic()


class Failure(Exception):
    """Something the reader has to do or know; its message is a sentence that is shown as it is."""


def coloured(text: str, colour: str) -> str:
    """`text` in `colour` where the terminal shows colours and NO_COLOR is not set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{PALETTE[colour]}m{text}\x1b[0m"


def say(sentence: str, *, colour: str = "cyan") -> None:
    """One step of the work, with the seconds since the command began."""
    seconds = time.monotonic() - _STARTED
    print(f"{coloured('»', colour)} {sentence} {coloured(f'[{seconds:.0f}s]', 'grey')}", flush=True)


def fail(sentence: str) -> int:
    """Say why it stops, on standard error; the exit code to leave with."""
    print(f"{coloured('✗', 'red')} {sentence}", file=sys.stderr, flush=True)
    return 1
