"""istiod does not take the mesh's configuration.

No schema guards the text under `mesh` of ConfigMap `istio` (or `istio-<revision>`): the API server stores
what it is given. istiod reads it as proto's JSON, where one value of the wrong type (`true` for a text, `10`
for a duration, an enum in lower case) makes it drop the *whole* text (meshwatcher/collection.go in
pkg/config/mesh). It goes on with what it read before, and after a restart with its defaults, ALLOW_ANY among
them. The only sign is a line in istiod's log.

So the policy in force need not be the one that stands there, nobody can tell from outside which one it is,
and everything that rests on it is unknown here until the text is mended.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.meshconfig import MESH_KEY, control_planes
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import Rule, RuleContext


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ConfigMap."""
    refused = dict(item for plane in control_planes(context.snapshot) for item in plane.config.refused)
    for ref, text in sorted(refused.items()):
        yield RULE.finding(
            f"{text} Correct it, and look into istiod's log whether it takes the new text.",
            ref,
            api_version="v1",
            path=f"data.{MESH_KEY}",
        )


RULE = Rule(
    code="MC234",
    name="mesh-config-refused",
    severity=Severity.ERROR,
    title="The mesh's configuration is refused",
    inputs=INPUTS - {"Namespace"},
    doc=__doc__ or "",
    check=check,
    no_remedy="What the text was meant to say only its owner knows.",
)
