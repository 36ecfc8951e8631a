"""Finds the browser of the browser tests, or installs Debian's where this process may."""

import os
import shutil
import subprocess

from bin.console_text import Failure, say

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_LIMIT_SECONDS = 900


def ensure() -> str:
    """The path of a Chromium; Failure says what to install. The browser tests are never passed over."""
    named = os.environ.get("MESHCONSOLE_CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise Failure(f"MESHCONSOLE_CHROMIUM names {named}, which cannot be run.")
        return named
    found = _on_path()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        say("The browser tests need Chromium; installing Debian's with apt-get (about 350 MB)")
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", "chromium")
        found = _on_path()
    if found is None:
        raise Failure(
            "The browser tests need Chromium. Install it (Debian: apt-get install chromium) or set "
            "MESHCONSOLE_CHROMIUM to the path of one. `make test-fast` runs what needs no browser."
        )
    return found


def _on_path() -> str | None:
    return next((path for path in map(shutil.which, NAMES) if path), None)


def _apt(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "--quiet", *arguments]
    try:
        done = subprocess.run(command, env=environment, timeout=INSTALL_LIMIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"`{' '.join(command)}` did not end within {INSTALL_LIMIT_SECONDS} s.") from error
    if done.returncode:
        raise Failure(
            f"`{' '.join(command)}` failed; the reason stands above. Install chromium by hand and run again."
        )
