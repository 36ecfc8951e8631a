"""`manage.py explain --manifests DIR --workload NS/NAME --host HOST`: why a connection passes or not."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import msgspec

from apps.analysis.management.manifests import ManifestsCommand
from apps.analysis.offline import Offline
from apps.analysis.plaintext import explanation_text
from apps.analysis.registryonly import typed_host
from apps.common.errors import InvalidInputError
from apps.mesh.egress import EgressEngine
from apps.mesh.hosts import is_address
from apps.mesh.objects.workloads import Workload
from apps.mesh.verdicts import Destination, EgressAnswer, Protocol

MAX_PORT = 65535


class Command(ManifestsCommand):
    help = "Says whether a workload's connection to a host leaves the mesh, with the chain of evidence."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--workload", required=True, metavar="NAMESPACE/NAME")
        parser.add_argument("--host", required=True)
        parser.add_argument("--port", type=int, default=443)
        parser.add_argument("--protocol", choices=[p.value for p in Protocol], type=str.upper, default="TLS")
        parser.add_argument(
            "--ip", default="", help="the address that the host resolves to, where it matters"
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def answer(self, offline: Offline, options: dict[str, Any]) -> tuple[str, int]:
        workload = _workload(offline, options["workload"])
        destination = _destination(options)
        engine = offline.snapshot.derived(EgressEngine)
        answer = engine.answer(workload, self.hostset(options).known(destination))
        answer = replace(answer, unknowns=(*answer.unknowns, *offline.unread))
        if not workload.pods_total:
            answer = replace(answer, unknowns=(*answer.unknowns, *offline.assumptions))
        if options["format"] == "json":
            return json.dumps(_json(workload, destination, answer), indent=2), 0
        return explanation_text(workload.ref, engine.scope_of(workload), destination, answer), 0


def _workload(offline: Offline, text: str) -> Workload:
    namespace, slash, name = text.strip().partition("/")
    if not slash or not namespace or not name or "/" in name:
        raise InvalidInputError(f"--workload {text!r} is not NAMESPACE/NAME.", field="workload")
    found = offline.snapshot.workload(namespace, name)
    if found is None:
        near = [w.name for w in offline.snapshot.workloads if w.namespace == namespace]
        hint = f" There are: {', '.join(near[:10])}." if near else f" Namespace {namespace} has no workload."
        raise InvalidInputError(f"There is no workload {namespace}/{name}.{hint}", field="workload")
    return found


def _destination(options: dict[str, Any]) -> Destination:
    host, port, ip = options["host"].strip().lower().rstrip("."), options["port"], options["ip"].strip()
    if not is_address(host) and not _is_name(host):
        raise InvalidInputError(f"--host {options['host']!r} is not a host name or an address.", field="host")
    if not 0 < port <= MAX_PORT:
        raise InvalidInputError(f"--port {port} is not between 1 and {MAX_PORT}.", field="port")
    if ip:
        try:
            ip_address(ip)
        except ValueError as error:
            raise InvalidInputError(f"--ip {ip!r} is not an IP address.", field="ip") from error
    return Destination(host, port, Protocol(options["protocol"]), ip)


def _is_name(text: str) -> bool:
    try:
        return typed_host(text).destination.host == text
    except InvalidInputError:
        return False


def _json(workload: Workload, destination: Destination, answer: EgressAnswer) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(answer)
    return {
        "workload": {
            "kind": workload.kind,
            "namespace": workload.namespace,
            "name": workload.name,
        },
        "destination": msgspec.to_builtins(destination),
        "verdict": plain["verdict"],
        "status": plain["status"],
        "stopped": plain["stopped"],
        "evidence": plain["evidence"],
        "fix": plain["fix"],
        "unknowns": plain["unknowns"],
        "cluster": plain["cluster"],
    }
