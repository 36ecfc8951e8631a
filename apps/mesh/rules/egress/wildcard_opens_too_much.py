"""A ServiceEntry's wildcard holds names that anybody can have.

`*.com` opens half of the Internet; `*.amazonaws.com`, `*.blob.core.windows.net` or `*.github.io` open
what every customer of that provider may register for a few cents: a bucket, a page, a load balancer.
Under `REGISTRY_ONLY` such a host makes the allow list one in name only, because data can leave to any
account. A wildcard of one's own or a supplier's domain, and one that is limited to a service and a region
where that is all that is needed, is another matter; it holds names of any depth, too.

Hosts that Speedscale itself asks for are left out, whatever they hold, and so are those of other host sets
that are in use. Name the hosts one by one, or the
narrowest part that holds them.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.planes import INPUTS
from apps.mesh.rules.base import FLAWED_INPUTS, Rule, RuleContext
from apps.mesh.rules.wording import listed

REGISTRIES = frozenset({"ac", "co", "com", "edu", "gob", "gov", "ne", "net", "or", "org"})
"""Second labels below which countries let names be registered."""
SHARED = frozenset(
    {
        "amazonaws.com",
        "s3.amazonaws.com",
        "azurewebsites.net",
        "blob.core.windows.net",
        "cloudapp.azure.com",
        "cloudfront.net",
        "cluster.local",
        "core.windows.net",
        "elb.amazonaws.com",
        "firebaseapp.com",
        "fly.dev",
        "github.io",
        "gitlab.io",
        "googleapis.com",
        "herokuapp.com",
        "netlify.app",
        "ngrok.io",
        "ondigitalocean.app",
        "pages.dev",
        "run.app",
        "storage.googleapis.com",
        "svc.cluster.local",
        "vercel.app",
        "web.app",
        "windows.net",
        "workers.dev",
    }
)
"""Domains below which every customer of a provider, or everybody in the cluster, has a name."""


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry."""
    sets = (context.dialled, *(needed.hostset for needed in context.hostset.beside))
    asked = {host.host for hostset in sets for host in hostset.hosts}
    for entry in context.snapshot.each(ServiceEntry):
        wide = [host for host in entry.hosts if host not in asked and _too_wide(host)]
        if wide and context.reads(entry):
            several = len(wide) > 1
            yield RULE.finding(
                f"{listed(wide)} {'open' if several else 'opens'} every name below "
                f"{'them' if several else 'it'}, and anybody can have one there: what is let out is not "
                "limited to whom you deal with. Name the hosts that are called.",
                entry.ref,
                api_version=entry.api_version,
                path="spec.hosts",
            )


def _too_wide(host: str) -> bool:
    if not is_wildcard(host):
        return False
    labels = host.removeprefix("*").removeprefix(".").split(".")
    if len(labels) < 2:
        return True
    country = len(labels) == 2 and len(labels[1]) == 2 and labels[0] in REGISTRIES
    return country or ".".join(labels) in SHARED


RULE = Rule(
    code="MC130",
    name="wildcard-opens-too-much",
    severity=Severity.WARNING,
    title="A wildcard opens names that anybody can have",
    inputs=INPUTS | FLAWED_INPUTS,
    doc=__doc__ or "",
    check=check,
    no_remedy=(
        "Which names below the wildcard are dialled is not in any manifest, and narrowing it may cut "
        "somebody off."
    ),
)
