"""A pod template without Speedscale's capture: what `capture.mutated` put in, taken out again.

Leaves alone what a replay put there (the responder's init container, host aliases).
"""

import copy

from apps.simcluster.shapes.capture import INJECTED_LABEL, Operator, TemplateChange
from apps.simcluster.shapes.meta import Manifest

GOPROXY = "speedscale-goproxy"
GOPROXY_INITS = ("speedscale-initproxy-iptables", "speedscale-initproxy-smartdns")
JAVA_INIT = "speedscale-initproxy-java-agent"
VOLUMES = ("speedscale-tls-out", "nettap-agent")
JAVA_OPTIONS, JAVA_AGENT = "JAVA_TOOL_OPTIONS", "-javaagent:/nettap-agent/"


def change_of(template: Manifest, operator: Operator, *, tls_out: bool) -> TemplateChange | None:
    """The change that a template shows as this operator makes it today; None for any other state of it."""
    spec = template["spec"]
    inits = {row.get("name") for row in spec.get("initContainers") or ()} & {*GOPROXY_INITS, JAVA_INIT}
    sidecar = next((row for row in spec["containers"] if row.get("name") == GOPROXY), None)
    if sidecar is None and not inits:
        return TemplateChange.NOTHING
    if sidecar is None:
        return TemplateChange.JAVA_AGENT if inits == {JAVA_INIT} else None
    unwraps = any(row.get("name") == "TLS_OUT_UNWRAP" for row in sidecar.get("env") or ())
    if inits != set(GOPROXY_INITS) or sidecar.get("image") != operator.goproxy_image or unwraps != tls_out:
        return None
    return TemplateChange.GOPROXY


def restored(template: Manifest) -> Manifest:
    """A copy of a template as its authors wrote it."""
    template = copy.deepcopy(template)
    labels = template["metadata"].get("labels") or {}
    for name in INJECTED_LABEL:
        labels.pop(name, None)
    spec = template["spec"]
    _drop(spec, "containers", (GOPROXY,))
    _drop(spec, "initContainers", (*GOPROXY_INITS, JAVA_INIT))
    _drop(spec, "volumes", VOLUMES)
    for container in spec["containers"]:
        _drop(container, "volumeMounts", VOLUMES)
        env = container.get("env") or []
        kept = [row for row in env if not _loads_agent(row)]
        if len(kept) < len(env):
            container["env"] = kept
            if not kept:
                del container["env"]
    return template


def _loads_agent(variable: Manifest) -> bool:
    return variable.get("name") == JAVA_OPTIONS and str(variable.get("value", "")).startswith(JAVA_AGENT)


def _drop(holder: Manifest, field: str, names: tuple[str, ...]) -> None:
    """Take named elements out of a list, and the list if nothing is left of it."""
    rows = holder.get(field) or []
    kept = [row for row in rows if row.get("name") not in names]
    if len(kept) < len(rows):
        holder[field] = kept
        if not kept:
            del holder[field]
