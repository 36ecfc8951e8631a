"""The kubectl session of docs/simulated-cluster.md, run again on a fresh cluster and compared.

    .venv/bin/python -m bin.kubectl_session           # says what differs; code 1 when something does
    .venv/bin/python -m bin.kubectl_session --write   # puts today's outputs into the document

Every block of its section that is marked `console` is run: lines that begin with `$ ` are commands, what
follows is what they print. A block marked `yaml` whose first line is `# name.yaml` is written to that file
first. Ages, uids, ports, times, versions of kubectl and widths of columns may differ.
"""

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "simulated-cluster.md"
SCENARIO = ROOT / "apps" / "simcluster" / "scenarios" / "lab-us.yaml"
OLDEST = (1, 27)
START_SECONDS = 90
COMMAND_SECONDS = 60
_SECTION = re.compile(r"^## A session with kubectl\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# (\S+\.yaml)\n")
_MASKS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)?"), "TIME"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"), "TIME"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "TOKEN"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"/tmp/(LIVE|MERGED)-\d+"), r"/tmp/\1-N"),
    (re.compile(r"(resourceVersion: |Resource Version: +)\"?\d+\"?"), r"\1N"),
    (re.compile(r"\b(\d+[ydhms])+\b"), "AGE"),
    (re.compile(r"(Client|Kustomize) Version: v[\w.+-]+"), r"\1 Version: V"),
    (re.compile(r"[ \t]+"), " "),
)


class SurpriseError(Exception):
    """The session cannot be run; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command and what the document says it prints."""

    command: str
    output: str


def masked(text: str) -> str:
    """An output without what differs from run to run."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text.strip()


def kubectl_version() -> tuple[int, int] | None:
    """The version of the kubectl on PATH, None when there is none."""
    if shutil.which("kubectl") is None:
        return None
    command = ["kubectl", "version", "--client", "-o", "json"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
    if found.returncode:
        return None
    version = json.loads(found.stdout)["clientVersion"]
    return int(version["major"]), int(version["minor"].rstrip("+"))


@contextmanager
def cluster(place: Path) -> Iterator[Path]:
    """A fresh cluster of the scenario; gives the path of its kubeconfig."""
    ready = place / "ready.json"
    command = [
        sys.executable,
        "manage.py",
        "simcluster",
        "--scenario",
        str(SCENARIO),
        "--ready-file",
        str(ready),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SurpriseError("The simulated cluster did not start.")
            time.sleep(0.1)
        yield Path(json.loads(ready.read_text())["clusters"][0]["kubeconfig"])
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def steps_of(block: str) -> list[Step]:
    """The commands of a console block; a command goes on after a line that ends with a backslash."""
    found: list[Step] = []
    lines = iter(block.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines, "")
            found.append(Step(command, ""))
        elif found:
            found[-1] = Step(found[-1].command, f"{found[-1].output}{line}\n")
    return found


def run(command: str, place: Path, kubeconfig: Path) -> str:
    """What a command prints, errors included."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "HOME": str(place),
        "LC_ALL": "C",
        "TZ": "UTC",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def renewed(document: str, place: Path, kubeconfig: Path) -> str:
    """The document with today's outputs; an output that is the same but for the masks stays as it was."""

    def block(match: re.Match[str]) -> str:
        if match[1] == "yaml":
            if (named := _NAMED.match(match[2])) is not None:
                (place / named[1]).write_text(match[2])
            return match[0]
        parts = []
        for step in steps_of(match[2]):
            output = run(step.command, place, kubeconfig)
            kept = step.output if masked(step.output) == masked(output) else output
            parts.append(f"$ {step.command}\n{kept}")
        return f"```console\n{''.join(parts)}```"

    return _SECTION.sub(lambda section: _BLOCK.sub(block, section[0]), document)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put today's outputs into the document")
    given = parser.parse_args(arguments)
    version = kubectl_version()
    if version is None or version < OLDEST:
        print(f"There is no kubectl of version {OLDEST[0]}.{OLDEST[1]} or newer on PATH.")
        return 1
    before = DOCUMENT.read_text()
    with tempfile.TemporaryDirectory(prefix="kubectl-session-") as name, cluster(Path(name)) as kubeconfig:
        after = renewed(before, Path(name), kubeconfig)
    if given.write:
        DOCUMENT.write_text(after)
        return 0
    print("".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), "document", "today")))
    return int(before != after)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
