"""Speedscale's proxy waits for outgoing calls, and the application is not told to use it.

With `sidecar.speedscale.com/proxy-type: dual` (or `forward`) outgoing traffic is not redirected: the
application has to send it to Speedscale's proxy by itself, by `HTTP_PROXY` and `HTTPS_PROXY` or, on a JVM, by
the properties in `JAVA_TOOL_OPTIONS`. Without them inbound traffic is recorded and outgoing capture stays
empty, which looks as if the application called nobody.

Only names of variables are read here, never their values. Variables that come from a ConfigMap or a Secret
as a whole (`envFrom`) are not seen on a cluster; suppress the finding where they are set that way.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.capture import INPUTS
from apps.mesh.findings import Finding, Severity
from apps.mesh.objects.workloads import Container, Workload
from apps.mesh.podplanes import PROXY_CONTAINER
from apps.mesh.reports import CaptureKind
from apps.mesh.rules.base import InEachNamespace, Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.speedscale import value_of
from apps.mesh.speedscalepods import SIDECAR_CONTAINER, SIDECAR_IMAGE

PROXY_TYPE = "sidecar.speedscale.com/proxy-type"
OUT_PORT = "sidecar.speedscale.com/proxy-out-port"
DEFAULT_OUT_PORT = "4140"
ASKING = frozenset({"dual", "forward"})
VARIABLES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "JAVA_TOOL_OPTIONS"})


def check(context: RuleContext, namespace: str) -> Iterator[Finding]:
    """One finding for each workload."""
    for workload, report in context.captured_in(namespace):
        kind = value_of(workload, PROXY_TYPE).strip().lower()
        if kind not in ASKING or report.expected is not CaptureKind.SIDECAR or not workload.observed:
            continue
        own = [item for item in workload.template.containers if _is_application(item)]
        if not own or any(_told(item) for item in own) or _whole_sources(context, workload):
            continue
        port = value_of(workload, OUT_PORT).strip() or DEFAULT_OUT_PORT
        yield RULE.finding(
            f"proxy-type {kind} leaves it to the application to use Speedscale's proxy, and "
            f"{listed(item.name for item in own)} {'has' if len(own) == 1 else 'have'} none of HTTP_PROXY, "
            f"HTTPS_PROXY and JAVA_TOOL_OPTIONS: outgoing calls are not recorded. Set HTTP_PROXY and "
            f"HTTPS_PROXY to http://localhost:{port}.",
            workload.ref,
            api_version=workload.api_version,
            path="spec.template.spec.containers",
        )


def _is_application(container: Container) -> bool:
    if container.name == PROXY_CONTAINER or SIDECAR_CONTAINER.fullmatch(container.name):
        return False
    return SIDECAR_IMAGE.fullmatch(container.image) is None


def _told(container: Container) -> bool:
    return any(name.upper() in VARIABLES for name in container.env_names)


def _whole_sources(context: RuleContext, workload: Workload) -> bool:
    """Whether the manifest shows variables whose names it does not say; only files have them."""
    manifest = context.snapshot.manifest(workload.ref) or {}
    return "'envFrom'" in repr(manifest.get("spec"))


RULE = Rule(
    code="SS16",
    name="forward-proxy-not-used",
    severity=Severity.WARNING,
    title="The application does not use Speedscale's proxy",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=InEachNamespace(check),
    no_remedy="Which variable the application reads is not in any manifest.",
)
