"""An object of Istio is labelled for a revision that no control plane has.

A control plane passes over objects whose label `istio.io/rev` is not its own revision, and reads those
without the label (pkg/config/model.go, LabelsInRevision). The value is compared as it is: a *tag*, which
leads pods and namespaces to a revision, leads objects nowhere, and an empty value is no revision either.
Such a ServiceEntry opens nothing, such a PeerAuthentication asks for nothing, and no message is given. It
also happens when a revision was removed after an upgrade while objects still carry its name.

Take the label off, so that every control plane reads the object, or write the revision that should.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.injection import WEBHOOK_KIND
from apps.mesh.meshconfig import control_planes
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.config import ProxyConfig
from apps.mesh.objects.envoyfilters import EnvoyFilter
from apps.mesh.objects.networking import (
    DestinationRule,
    Gateway,
    ServiceEntry,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)
from apps.mesh.objects.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed
from apps.mesh.visibility import REVISION_LABEL

KINDS: tuple[type[MeshObject], ...] = (
    AuthorizationPolicy,
    DestinationRule,
    EnvoyFilter,
    Gateway,
    PeerAuthentication,
    ProxyConfig,
    RequestAuthentication,
    ServiceEntry,
    Sidecar,
    VirtualService,
    WorkloadEntry,
)


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each object; an error where the label names a tag."""
    planes = control_planes(context.snapshot)
    hidden = any(context.snapshot.missing(kind) for kind in ("ConfigMap", "Deployment", WEBHOOK_KIND))
    if not planes or hidden or not context.whole:
        return
    revisions = sorted({plane.revision for plane in planes})
    tags = {tag: plane.revision for plane in planes for tag in plane.tags}
    for item in (item for kind in KINDS for item in context.snapshot.each(kind)):
        wanted = item.labels.get(REVISION_LABEL)
        if wanted is None or wanted in revisions:
            continue
        why = (
            f"{wanted} is a tag (of {tags[wanted]}), and tags are not looked up for objects"
            if wanted in tags
            else f"there is no revision «{wanted}», only {listed(revisions)}"
        )
        yield RULE.finding(
            f"No control plane reads this object: {why}. Take the label {REVISION_LABEL} off, or write a "
            "revision.",
            item.ref,
            api_version=item.api_version,
            severity=Severity.ERROR if wanted in tags else Severity.WARNING,
            path=f"metadata.labels[{REVISION_LABEL}]",
        )


RULE = Rule(
    code="MC233",
    name="object-of-no-revision",
    severity=Severity.ERROR,
    title="An object is labelled for a revision that no control plane has",
    inputs=INPUTS | {kind.__name__ for kind in KINDS},
    doc=__doc__ or "",
    check=check,
    no_remedy="Which control planes should read the object is the owner's decision.",
)
