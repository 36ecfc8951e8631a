"""A running Speedscale replay: the TrafficReplay and the pods it starts in the application's namespace.

Names follow Speedscale's architecture page: speedscale-<part>-<adjective>-<noun>. Must not know the workload
under test beyond its name.
"""

from dataclasses import dataclass

from apps.simcluster.shapes.cluster import Cluster, Place
from apps.simcluster.shapes.components import component, service
from apps.simcluster.shapes.fields import Fields
from apps.simcluster.shapes.meta import Manifest, metadata
from apps.simcluster.shapes.workloads import ReplayRun

ADJECTIVES = ("brave", "calm", "eager", "gentle", "lucky", "patient", "quiet", "swift")
NOUNS = ("badger", "falcon", "heron", "lynx", "marten", "otter", "plover", "wren")
GENERATOR_HOURS = 2 / 24


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """One `replays:` line; `hosts` are the calls that are answered by the responder."""

    name: str
    workload: str
    mode: str
    snapshot: str
    hosts: tuple[str, ...]


def read_replay(fields: Fields) -> ReplayOptions:
    options = ReplayOptions(
        name=fields.text("name"),
        workload=fields.text("workload"),
        mode=fields.text("mode", "full-replay"),
        snapshot=fields.text("snapshot", "latest"),
        hosts=fields.texts("hosts"),
    )
    modes = ("full-replay", "responder-only", "generator-only")
    if options.mode not in modes:
        raise fields.error("mode", f"must be one of {', '.join(modes)}.")
    fields.done()
    return options


def run_of(cluster: Cluster, place: Place, options: ReplayOptions) -> ReplayRun:
    """How the replay shows on the workload under test."""
    report = cluster.stamp.uid("Report", place.name, options.name)
    last = cluster.stamp.number(f"{place.name}/{options.name}", 200) + 1
    return ReplayRun(options.name, report, f"172.20.250.{last}", options.hosts)


def expand_replay(cluster: Cluster, place: Place, options: ReplayOptions) -> list[Manifest]:
    """The TrafficReplay with its responder, redis, collector and generator."""
    if cluster.operator is None:
        return []
    seed = cluster.stamp.number(options.name, len(ADJECTIVES) * len(NOUNS))
    word = f"{ADJECTIVES[seed % len(ADJECTIVES)]}-{NOUNS[seed // len(ADJECTIVES)]}"
    version = cluster.operator.version
    env = {"replay.speedscale.com/env-id": options.name}
    run = run_of(cluster, place, options)
    made = [_replay(cluster, place, options, run)]
    parts = ["collector"]
    parts += ["responder", "redis"] if options.mode != "generator-only" else []
    parts += ["generator"] if options.mode != "responder-only" else []
    for part in parts:
        name = f"speedscale-{part}-{word}"
        image = "redis:7.4-alpine" if part == "redis" else f"gcr.io/speedscale/{part}:v{version}"
        container = {
            "name": part,
            "image": image,
            "resources": {"requests": {"cpu": "200m", "memory": "256Mi"}},
        }
        labels = {"app": part, "replay.speedscale.com/component": f"speedscale-{part}"} | env
        kind = "Job" if part == "generator" else "Deployment"
        selector = {"app": part} | env
        made += component(cluster, place, name, container, labels=labels, selector=selector, kind=kind, age=1)
        if part == "responder":
            ports = [("http", 80, 4140), ("https", 443, 8443)]
            made.append(service(cluster, place, name, selector, ports, clusterIP=run.responder_ip))
    return made


def _replay(cluster: Cluster, place: Place, options: ReplayOptions, run: ReplayRun) -> Manifest:
    kind = "TrafficReplay"
    meta = metadata(cluster.stamp, kind, place.name, options.name, age=GENERATOR_HOURS, generation=1)
    started = meta["creationTimestamp"]
    spec = {
        "snapshotID": options.snapshot,
        "testConfigID": "standard",
        "mode": options.mode,
        "cleanup": "inventory",
        "needsReport": True,
        "workloads": [
            {
                "ref": {
                    "kind": "Deployment",
                    "name": options.workload,
                    "namespace": place.name,
                    "apiVersion": "apps/v1",
                }
            }
        ],
    }
    running = {
        "type": "Running",
        "status": "True",
        "reason": "Running",
        "message": "Replay is running",
        "lastTransitionTime": started,
    }
    status = {
        "active": True,
        "observedGeneration": 1,
        "startedTime": started,
        "initializedTime": started,
        "reportID": run.report,
        "conditions": [running],
    }
    return {
        "apiVersion": "speedscale.com/v1",
        "kind": kind,
        "metadata": meta,
        "spec": spec,
        "status": status,
    }
