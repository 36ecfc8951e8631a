"""`manage.py simcluster` as its users start it: a process with a ready file that survives being killed."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from apps.simcluster.scenario import SCENARIOS

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
ENTRIES = "/apis/networking.istio.io/v1beta1/namespaces/kube-system/serviceentries"


@contextmanager
def running(state: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """The command on the smallest scenario; killed at the end if it still runs."""
    ready = state / "ready.json"
    ready.unlink(missing_ok=True)
    scenario = SCENARIOS / "edge-small.yaml"
    arguments = [
        "simcluster",
        "--scenario",
        scenario,
        "--state-dir",
        state / "clusters",
        "--ready-file",
        ready,
    ]
    command = [sys.executable, "manage.py", *map(str, arguments)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "meshconsole.settings.test"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert process.poll() is None, "the command ended before it was ready"
            assert time.monotonic() < deadline, "the command was not ready in time"
            time.sleep(0.1)
        yield process, json.loads(ready.read_text())["clusters"][0]
    finally:
        process.kill()
        process.wait()


def client(entry: dict[str, Any]) -> httpx.Client:
    context = ssl.create_default_context(cafile=entry["ca_file"])
    headers = {"Authorization": f"Bearer {entry['tokens']['admin']}"}
    return httpx.Client(base_url=entry["url"], verify=context, headers=headers, timeout=10)


def test_objects_written_before_a_kill_are_there_afterwards_and_sigterm_ends_it_cleanly(
    tmp_path: Path,
) -> None:
    body = {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "ServiceEntry",
        "metadata": {"name": "written"},
        "spec": {"hosts": ["a.example.com"]},
    }
    with running(tmp_path) as (process, entry):
        assert entry["name"] == "edge-small"
        assert entry["environment"] == "lab"
        assert "console-reader" in entry["tokens"]
        assert Path(entry["kubeconfig"]).stat().st_mode & 0o077 == 0
        assert (tmp_path / "ready.json").stat().st_mode & 0o077 == 0
        control = json.loads((tmp_path / "ready.json").read_text())["control"]
        headers = {"Authorization": f"Bearer {control['token']}"}
        (told,) = httpx.get(f"{control['url']}/clusters", headers=headers).json()["clusters"]
        assert (told["name"], told["url"]) == (entry["name"], entry["url"])
        with client(entry) as http:
            assert http.post(ENTRIES, json=body).status_code == 201
        process.kill()
        process.wait()
    with running(tmp_path) as (process, again):
        assert (again["url"], again["tokens"]) == (entry["url"], entry["tokens"])
        with client(again) as http:
            assert http.get(f"{ENTRIES}/written").json()["spec"]["hosts"] == ["a.example.com"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert not (tmp_path / "ready.json").exists()
