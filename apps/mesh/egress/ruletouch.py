"""Which egress answers changed DestinationRules may reach: subsets and TLS count where something is sent to a
host, by a workload's proxy or by an egress gateway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.mesh.derived import Change
from apps.mesh.egress.candidates import Candidate
from apps.mesh.egress.reach import Test, always, every
from apps.mesh.egress.registry import Registry
from apps.mesh.egress.routetouch import at_gateways
from apps.mesh.hosts import is_wildcard, matches, resolve_short_name, subset_of
from apps.mesh.objects.networking import DestinationRule, VirtualService
from apps.mesh.verdicts import Destination

Pointing = Mapping[str, Sequence[VirtualService]]


@dataclass(frozen=True, slots=True)
class RulesTouch:
    """`goals` are the hosts of the rules, `bound` those for which a gateway's routes send something to one of
    them; `everything` where these go by no host."""

    goals: frozenset[str]
    bound: frozenset[str]
    everything: bool

    @classmethod
    def of_change(
        cls, change: Change, registries: Sequence[Registry], pointing: Sequence[Pointing]
    ) -> RulesTouch:
        """`registries` and `pointing` (VirtualServices by a host they send to) are those before and after."""
        rules = every(change, DestinationRule)
        named = {resolve_short_name(rule.host, rule.namespace) for rule in rules}
        wide = [host for host in named if is_wildcard(host)]
        known = {host for item in registries for host in item.by_host} if wide else set()
        hosts = named | {host for host in known for one in wide if subset_of(host, one)}
        routes = [route for item in pointing for host in hosts for route in item.get(host, ())]
        at_gateway = [route for route in routes if set(route.gateways) - {"mesh"}]
        everyone = (route for item in pointing for found in item.values() for route in found)
        bound, everything = at_gateways(at_gateway, everyone)
        return cls(frozenset(hosts), bound, everything)

    def of(self, destination: Destination, found: Sequence[Candidate]) -> Test | None:
        reached = self.everything or any(matches(host, destination.host) for host in self.bound)
        return always if reached else None
