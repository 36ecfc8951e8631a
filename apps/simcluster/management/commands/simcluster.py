"""`manage.py simcluster`: serve scenarios as Kubernetes clusters on loopback until told to stop."""

import json
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.simcluster.access import User
from apps.simcluster.certificates import write_private
from apps.simcluster.control import Control
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster, SimulatedFleet
from apps.simcluster.scenario import Scenario, ScenarioError, load_fleet
from apps.simcluster.seeding import SeedError


class Command(BaseCommand):
    help = "Serve scenario files as Kubernetes API servers over TLS on loopback, one port a cluster."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--scenario",
            action="append",
            required=True,
            metavar="FILE_OR_DIR",
            help="a scenario file, or a directory of them; may be given several times",
        )
        parser.add_argument(
            "--port",
            type=int,
            default=0,
            help="port of the first cluster, the next ones follow; free ones replace those taken (0: any)",
        )
        parser.add_argument(
            "--state-dir", type=Path, help="keep objects, certificates, tokens and ports here"
        )
        parser.add_argument("--control-port", type=int, default=0, help="port of the control API (0: any)")
        parser.add_argument("--ready-file", type=Path, help="write this JSON file when all clusters answer")

    def handle(self, *args: Any, **options: Any) -> None:
        specs = (
            _spec(scenario, options["port"] + index if options["port"] else 0)
            for index, scenario in enumerate(_scenarios(options["scenario"]))
        )
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            fleet = SimulatedFleet(specs, state_dir=options["state_dir"])
        except (ScenarioError, OSError, SeedError) as error:
            raise CommandError(str(error)) from error
        control = Control(fleet, options["control_port"])
        with fleet:
            for cluster in fleet.clusters.values():
                kept = "" if cluster.seeded else " (objects kept from the last run)"
                self.stdout.write(f"{cluster.name}: {cluster.url}{kept}")
            if options["ready_file"]:
                _announce(fleet, control, options["ready_file"])
                self.stdout.write(f"control API: {control.url} (its token is in {options['ready_file']})")
            else:  # a log is read by more people than the ready file
                self.stdout.write(f"control API: {control.url} (token {control.token})")
            self.stdout.flush()
            stop.wait()
        if options["ready_file"]:
            options["ready_file"].unlink(missing_ok=True)


def _scenarios(given: list[str]) -> Iterator[Scenario]:
    """Cluster by cluster, so that a large fleet is never in memory twice."""
    paths: list[Path] = []
    for text in given:
        path = Path(text)
        paths += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not paths:
        raise CommandError("There is no scenario file (*.yaml) in " + ", ".join(given) + ".")
    names: set[str] = set()
    for path in paths:
        for scenario in load_fleet(path):
            if scenario.name in names:
                raise CommandError(f"Two scenarios have the same name: {scenario.name}.")
            names.add(scenario.name)
            yield scenario


def _spec(scenario: Scenario, port: int) -> ClusterSpec:
    users = [
        (User(user.name, user.name, user.groups, tuple(rule.manifest() for rule in user.rules)), user.token)
        for user in scenario.users
    ]
    labels = {
        "environment": scenario.environment,
        "region": scenario.region,
        "owner_team": scenario.owner_team,
        **scenario.labels,
    }
    return ClusterSpec(
        name=scenario.name,
        manifests=scenario.manifests,
        users=users,
        served=scenario.served_versions,
        writers=scenario.managers,
        labels=labels,
        git_version=scenario.kubernetes_version,
        port=port,
        behaviour=scenario.behaviour,
    )


def _announce(fleet: SimulatedFleet, control: Control, ready_file: Path) -> None:
    """Write kubeconfigs beside the clusters' state, then the ready file, whole or not at all."""
    document = {
        "clusters": [_entry(cluster) for cluster in fleet.clusters.values()],
        "control": {"url": control.url, "token": control.token},
    }
    ready_file.parent.mkdir(parents=True, exist_ok=True)
    part = ready_file.with_name(ready_file.name + ".part")
    write_private(part, json.dumps(document, indent=2).encode())
    part.replace(ready_file)


def _entry(cluster: SimulatedCluster) -> dict[str, Any]:
    kubeconfig = cluster.directory / "kubeconfig.yaml"
    write_private(kubeconfig, cluster.kubeconfig().encode())
    labels = dict(cluster.spec.labels)
    return {
        "name": cluster.name,
        "url": cluster.url,
        "ca_file": str(cluster.ca_file.resolve()),
        "kubeconfig": str(kubeconfig.resolve()),
        "tokens": cluster.tokens,
        "environment": labels.pop("environment", ""),
        "region": labels.pop("region", ""),
        "owner_team": labels.pop("owner_team", ""),
        "labels": labels,
    }
