"""One `namespaces:` entry of a scenario: its labels, Sidecars, workloads, replays and verbatim objects.

Must not know the whole scenario, nor the API server.
"""

from dataclasses import dataclass
from typing import Any

from apps.simcluster.shapes.capture import PLANS
from apps.simcluster.shapes.cluster import Cluster, Place
from apps.simcluster.shapes.fields import Fields
from apps.simcluster.shapes.meta import Manifest, metadata
from apps.simcluster.shapes.options import WorkloadOptions, read_options
from apps.simcluster.shapes.replays import ReplayOptions, expand_replay, read_replay, run_of
from apps.simcluster.shapes.workloads import expand

CAPTURE = "capture.speedscale.com/enabled"


@dataclass(frozen=True, slots=True)
class SidecarOptions:
    """An Istio Sidecar in short: egress `hosts`, the outbound `policy` if it sets one, labels it selects."""

    name: str
    hosts: tuple[str, ...]
    policy: str
    selector: dict[str, str]


@dataclass(frozen=True, slots=True)
class NamespaceSpec:
    place: Place
    annotations: dict[str, str]
    age: int
    workloads: dict[str, WorkloadOptions]
    sidecars: tuple[SidecarOptions, ...]
    replays: tuple[ReplayOptions, ...]
    objects: tuple[Fields, ...]


def read_namespace(fields: Fields, name: str) -> NamespaceSpec:
    replays = tuple(read_replay(row) for row in fields.sections("replays"))
    spec = NamespaceSpec(
        place=Place(name, {"kubernetes.io/metadata.name": name} | fields.strings("labels")),
        annotations=fields.strings("annotations"),
        age=fields.integer("age", 70, least=1, most=2000),
        workloads=_read_workloads(fields),
        sidecars=tuple(_read_sidecars(fields.section("sidecars"))),
        replays=replays,
        objects=tuple(fields.sections("objects")),
    )
    for index, replay in enumerate(replays):
        if replay.workload not in spec.workloads:
            where = f"replays[{index}].workload"
            raise fields.error(
                where, f"names {replay.workload!r}, which is not a workload of this namespace."
            )
    fields.done()
    return spec


def namespace_manifest(cluster: Cluster, spec: NamespaceSpec) -> Manifest:
    place = spec.place
    meta = metadata(
        cluster.stamp,
        "Namespace",
        "",
        place.name,
        labels=place.labels,
        annotations=spec.annotations,
        age=spec.age,
    )
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": meta,
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def contents(cluster: Cluster, spec: NamespaceSpec, istio_api: str) -> list[Manifest]:
    """Everything that the short forms of a namespace describe; `istio_api` is the apiVersion of Sidecars."""
    runs = {replay.workload: run_of(cluster, spec.place, replay) for replay in spec.replays}
    made = [_sidecar(cluster, spec.place, row, istio_api) for row in spec.sidecars]
    for name, options in spec.workloads.items():
        made += expand(cluster, spec.place, name, options, runs.get(name))
    for replay in spec.replays:
        made += expand_replay(cluster, spec.place, replay)
    return made


def captured_by_node(specs: list[NamespaceSpec]) -> list[tuple[str, str]]:
    """(namespace, workload) that the operator found annotated for eBPF capture, and accepted."""
    return [
        (spec.place.name, name)
        for spec in specs
        for name, options in spec.workloads.items()
        if CAPTURE in PLANS[options.speedscale].annotations
        and "sidecar.speedscale.com/inject" not in PLANS[options.speedscale].annotations
    ]


def _read_workloads(fields: Fields) -> dict[str, WorkloadOptions]:
    defaults: dict[str, Any] = fields.mapping("defaults")
    # Read for its own sake, so that a mistake in the defaults is reported where it is.
    read_options(fields.section("defaults"))
    rows = fields.section("workloads")
    workloads = {}
    for name in rows.names():
        own = rows.mapping(name)
        path = f"{rows.path}.{name}"
        workloads[name] = read_options(Fields(defaults | own, file=rows.file, path=path))
    return workloads


def _read_sidecars(fields: Fields) -> list[SidecarOptions]:
    sidecars = []
    for name in fields.names():
        row = fields.section(name)
        policy = row.text("policy", "")
        if policy not in {"", "ALLOW_ANY", "REGISTRY_ONLY"}:
            raise row.error("policy", "must be ALLOW_ANY or REGISTRY_ONLY, or absent.")
        sidecars.append(SidecarOptions(name, row.texts("hosts"), policy, row.strings("selector")))
        row.done()
    return sidecars


def _sidecar(cluster: Cluster, place: Place, options: SidecarOptions, istio_api: str) -> Manifest:
    meta = metadata(cluster.stamp, "Sidecar", place.name, options.name, age=50, generation=1)
    spec: Manifest = {}
    if options.selector:
        spec["workloadSelector"] = {"labels": options.selector}
    if options.hosts:
        spec["egress"] = [{"hosts": list(options.hosts)}]
    if options.policy:
        spec["outboundTrafficPolicy"] = {"mode": options.policy}
    return {"apiVersion": istio_api, "kind": "Sidecar", "metadata": meta, "spec": spec}
