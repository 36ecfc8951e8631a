"""What the random clients send: whole objects, parts of them to apply or merge, labels and statuses.

Small alphabets on purpose, so that clients meet on the same objects and fields.
"""

from typing import Any

from hypothesis import strategies as st

from tests.simcluster.properties.driving import (
    CONFIG_MAP,
    DEPLOYMENT,
    KINDS,
    NAMESPACE,
    SERVICE,
    SERVICE_ENTRY,
    SIDECAR,
    Kind,
)

Json = dict[str, Any]
Specs = st.SearchStrategy[Json]

NAMES = st.sampled_from(["a", "b", "c"])
MANAGERS = st.sampled_from(["alpha", "beta", "gamma"])
KIND = st.sampled_from(KINDS)
SELECTED = "team=web"
LABELS = st.dictionaries(st.sampled_from(["team", "tier"]), st.sampled_from(["web", "api"]), max_size=2)
NOTES = st.dictionaries(st.sampled_from(["note", "example.com/by"]), st.sampled_from(["x", "y"]), max_size=2)
_NUMBER = {"http": 80, "tls": 443, "odd": 8443}


def parts(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> Specs:
    return st.fixed_dictionaries(required, optional=optional)


_HOSTS = st.lists(st.sampled_from(["a.example.com", "b.example.com"]), min_size=1, max_size=2, unique=True)
_PORTS = st.lists(
    st.sampled_from(list(_NUMBER)).flatmap(
        lambda name: parts(
            {"name": st.just(name), "number": st.just(_NUMBER[name])},
            protocol=st.sampled_from(["TLS", "HTTP"]),
        )
    ),
    max_size=3,
    unique_by=lambda port: port["name"],
)
_ENTRY = parts(
    {"hosts": _HOSTS},
    ports=_PORTS,
    resolution=st.sampled_from(["NONE", "DNS"]),
    location=st.sampled_from(["MESH_EXTERNAL", "MESH_INTERNAL"]),
    exportTo=st.lists(st.sampled_from([".", "*"]), max_size=1),
)
_SIDECAR = parts(
    {},
    egress=st.lists(
        parts({"hosts": st.lists(st.sampled_from(["./*", "istio-system/*"]), min_size=1, max_size=2)}),
        min_size=1,
        max_size=2,
    ),
    workloadSelector=parts({}, labels=LABELS),
    outboundTrafficPolicy=parts({"mode": st.sampled_from(["ALLOW_ANY", "REGISTRY_ONLY"])}),
)
_DATA = st.dictionaries(st.sampled_from(["one", "two"]), st.sampled_from(["1", "2", ""]), max_size=2)
_SERVICE_PORTS = st.lists(
    st.sampled_from(list(_NUMBER)).flatmap(
        lambda name: parts(
            {"name": st.just(name), "port": st.just(_NUMBER[name])}, targetPort=st.sampled_from([8080, 9090])
        )
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda port: port["name"],
)
_SERVICE = parts(
    {"ports": _SERVICE_PORTS},
    selector=parts({"app": st.sampled_from(["web", "api"])}),
    sessionAffinity=st.sampled_from(["None", "ClientIP"]),
)
_ENV = st.lists(
    st.sampled_from(["A", "B"]).flatmap(
        lambda name: parts({"name": st.just(name), "value": st.sampled_from(["1", "2"])})
    ),
    max_size=2,
    unique_by=lambda item: item["name"],
)
_CONTAINERS = st.lists(
    st.sampled_from(["app", "proxy"]).flatmap(
        lambda name: parts(
            {"name": st.just(name), "image": st.sampled_from(["shop:1", "shop:2"])},
            env=_ENV,
            args=st.lists(st.sampled_from(["-v", "-q"]), min_size=1, max_size=2),
        )
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda item: item["name"],
)
_POD_LABELS = parts({"app": st.just("web")}, team=st.sampled_from(["web", "api"]))
_DEPLOYMENT = parts(
    {
        "selector": st.just({"matchLabels": {"app": "web"}}),
        "template": parts(
            {
                "metadata": st.builds(lambda labels: {"labels": labels}, _POD_LABELS),
                "spec": st.builds(lambda found: {"containers": found}, _CONTAINERS),
            }
        ),
    },
    replicas=st.integers(0, 2),
)
_SPECS: dict[str, Specs] = {
    SERVICE_ENTRY.name: _ENTRY,
    SIDECAR.name: _SIDECAR,
    SERVICE.name: _SERVICE,
    DEPLOYMENT.name: _DEPLOYMENT,
}


def contents(kind: Kind) -> Specs:
    """The top-level fields of an object besides type and metadata."""
    if kind is CONFIG_MAP:
        return parts({}, data=_DATA)
    return _SPECS[kind.name].map(lambda spec: {"spec": spec})


@st.composite
def objects(draw: st.DrawFn, kind: Kind, name: str) -> Json:
    """A whole object."""
    meta: Json = {"name": name, "namespace": NAMESPACE}
    for field, values in (("labels", LABELS), ("annotations", NOTES)):
        if draw(st.booleans()):
            meta[field] = draw(values)
    if draw(st.integers(0, 5)) == 0:
        meta["finalizers"] = ["example.com/hold"]
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta, **draw(contents(kind))}


@st.composite
def fragments(draw: st.DrawFn, kind: Kind, name: str) -> Json:
    """A whole object with some of its fields left out, to apply on an existing one."""
    found: Json = draw(objects(kind, name))
    for field in list(found.get("spec", {})):
        if draw(st.integers(0, 2)) == 0:
            del found["spec"][field]
    for place, field in ((found["metadata"], "labels"), (found["metadata"], "annotations"), (found, "data")):
        if not place.get(field, True):
            del place[field]  # an empty map is dropped before it is stored
    if "spec" in found and not found["spec"]:
        del found["spec"]
    return found


@st.composite
def merges(draw: st.DrawFn, kind: Kind) -> Json:
    """A merge patch: fields that are set and fields that are taken out."""
    found: Json = draw(contents(kind))
    top: Json = found.get("spec", found.get("data", {})) or {}
    for field in list(top):
        if draw(st.integers(0, 3)) == 0:
            top[field] = None
    meta: Json = {}
    if draw(st.booleans()):
        values = st.sampled_from(["web", "api", None])
        meta["labels"] = draw(st.dictionaries(st.sampled_from(["team", "tier"]), values, max_size=2))
    if draw(st.integers(0, 3)) == 0:
        meta["finalizers"] = draw(st.sampled_from([None, [], ["example.com/hold"]]))
    return found | ({"metadata": meta} if meta else {})


STATUSES = st.sampled_from(
    [
        {"conditions": [{"type": "Ready", "status": "True"}]},
        {"conditions": [{"type": "Ready", "status": "False", "reason": "Waiting"}]},
        {"observedGeneration": 1},
        {},
    ]
)


@st.composite
def operations(draw: st.DrawFn, kind: Kind) -> list[Json]:
    """A JSON patch of one or two operations; many do not fit the object they meet."""
    top = "data" if kind is CONFIG_MAP else "spec"
    paths = {
        SERVICE_ENTRY.name: ["/spec/ports/0", "/spec/hosts/0", "/spec/ports", "/spec/resolution"],
        SIDECAR.name: ["/spec/egress/0", "/spec/egress", "/spec/workloadSelector"],
        CONFIG_MAP.name: ["/data/one", "/data"],
        SERVICE.name: ["/spec/ports/0", "/spec/selector"],
        DEPLOYMENT.name: ["/spec/template/spec/containers/0/env", "/spec/template/metadata/labels/team"],
    }[kind.name]
    found: list[Json] = []
    for _ in range(draw(st.integers(1, 2))):
        if draw(st.booleans()):
            found.append({"op": "remove", "path": draw(st.sampled_from([*paths, "/metadata/labels"]))})
        else:
            whole = draw(contents(kind)).get(top, {})
            field = draw(st.sampled_from(sorted(whole))) if whole else ""
            if field:
                found.append({"op": "add", "path": f"/{top}/{field}", "value": whole[field]})
    return found
