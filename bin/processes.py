"""Ends process groups: politely first, then for certain. Knows nothing about what runs in them."""

import os
import signal
import subprocess
from contextlib import suppress


def end_group(process: subprocess.Popen[bytes], *, wait_seconds: float) -> None:
    """SIGTERM to the group `process` leads, and SIGKILL to what is left of it after `wait_seconds`."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=wait_seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
