"""The measurements of `make bench-apply`, beside the workers of a running console. Prints JSON.

Reads from standard input the clusters that the console does not know yet, as their ready file has them.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import django

CHANGES = 20
OBJECTS = 20
WAIT_SECONDS = 400
ENTRY = """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{name}.example]
  location: MESH_EXTERNAL
  ports: [{{name: tls, number: 443, protocol: TLS}}]
  resolution: NONE
"""
TEXT = ENTRY.format(name="bench-yardstick")
PATH = "/apis/networking.istio.io/v1/namespaces/default/serviceentries/bench-yardstick"


class Console:
    """The console's own actions, from this process; its workers do the work."""

    def __init__(self) -> None:
        self.models = import_module("apps.changes.models")
        self.clusters = import_module("apps.clusters.models").Cluster
        self.pasted = import_module("apps.changes.actions.propose_yaml")
        users = import_module("apps.accounts.models").User.objects
        self.people = {user.username: user for user in users.all()}

    def register(self, row: dict[str, Any]) -> Any:
        """Registers a cluster and waits until it was read."""
        found = import_module("apps.clusters.actions").register_cluster(
            actor=self.people["administrator"],
            name=row["name"],
            environment="staging",
            server=row["url"],
            ca_pem=Path(row["ca_file"]).read_text(),
            token=row["tokens"]["admin"],
        )
        import_module("apps.inventory.actions").request_refresh(actor=None, cluster=found, trigger="person")
        return found

    def wait(self, condition: Any, what: str) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.1)
        raise SystemExit(f"The benchmark waited in vain: {what}")

    def pending(self, texts: dict[Any, str]) -> Any:
        """A change of these objects, tried and waiting for approval."""
        patches = {cluster: self.pasted.patches_from(text, cluster) for cluster, text in texts.items()}
        propose = import_module("apps.changes.actions.propose").propose
        change = propose(actor=self.people["proposer"], title="bench", reason="", patches=patches)
        import_module("apps.changes.actions.submit").submit(actor=self.people["proposer"], change=change)
        self.wait(lambda: self._state(change) != "validating", "the dry run")
        change.refresh_from_db()
        if change.state != "pending":
            raise SystemExit(change.state_message)
        return change

    def approve(self, change: Any) -> None:
        approve = import_module("apps.changes.actions.approve").approve
        revision = change.revisions.get(number=change.revision_number)
        for name in ("approver", "approver2")[: revision.policy["required"]]:
            approve(actor=self.people[name], change=change, revision=revision.number, digest=revision.digest)

    def times(self, change: Any) -> dict[str, float]:
        """When the first event of each kind was, in seconds."""
        found: dict[str, float] = {}
        for kind, at in change.events.values_list("kind", "at"):
            found.setdefault(kind, at.timestamp())
        return found

    def settle(self, change: Any) -> str:
        busy = {"queued", "applying", "verifying"}
        self.wait(lambda: self._state(change) not in busy, "the change comes to rest")
        return str(self._state(change))

    def _state(self, change: Any) -> str:
        return str(self.models.ChangeSet.objects.values_list("state", flat=True).get(pk=change.pk))


def bare(rows: list[dict[str, Any]]) -> float:
    """Seconds for one server-side apply of such an object, from the handshake on; one to each cluster."""
    seconds = 0.0
    for row in rows:
        context = ssl.create_default_context(cafile=row["ca_file"])
        host, port = row["url"].removeprefix("https://").split(":")
        headers = {"Authorization": f"Bearer {row['tokens']['admin']}"}
        kind = {"Content-Type": "application/apply-patch+yaml"}
        began = time.perf_counter()
        connection = http.client.HTTPSConnection(host, int(port), context=context)
        connection.request("PATCH", f"{PATH}?fieldManager=bench", TEXT, headers | kind)
        answer = connection.getresponse()
        said = answer.read()
        seconds += time.perf_counter() - began
        if answer.status >= 300:
            raise SystemExit(f"The cluster answered {answer.status}: {said[:300]!r}")
        connection.request("DELETE", PATH, headers=headers)
        connection.getresponse().read()
        connection.close()
    return seconds / len(rows)


def claims(console: Console, cluster: Any) -> list[float]:
    """Seconds from the event that queued a change to the one by which a worker had it, change by change."""
    waits = []
    for number in range(CHANGES):
        change = console.pending({cluster: ENTRY.format(name=f"bench-claim-{number}")})
        console.approve(change)
        console.settle(change)
        times = console.times(change)
        waits.append(times["claim"] - times["execute"])
    return waits


def whole(
    console: Console, texts: dict[Any, str], objects: int, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """One change set from its approval to its verification."""
    yardstick = bare(rows)
    change = console.pending(texts)
    console.approve(change)
    state = console.settle(change)
    times = console.times(change)
    written = times.get("finish_writes", times["claim"])
    return {
        "objects": objects,
        "state": state,
        "write": written - times["claim"],
        "verify": times.get("confirm", written) - written,
        "bare": yardstick,
    }


def main() -> None:
    """Registers, measures, prints."""
    django.setup()
    console, rows = Console(), json.loads(sys.stdin.read())
    added = [console.register(row) for row in rows]
    names = [cluster.name for cluster in added]

    def all_read() -> bool:
        return not console.clusters.objects.filter(name__in=names, health="new").exists()

    console.wait(all_read, "the clusters are read")
    many = "---\n".join(ENTRY.format(name=f"bench-set-{number}") for number in range(OBJECTS))
    single = ENTRY.format(name="bench-fleet")
    found = {
        "claims": claims(console, added[0]),
        "one": whole(console, {added[0]: many}, OBJECTS, rows[:1] * OBJECTS),
        "many": whole(console, dict.fromkeys(added, single), len(added), rows),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
