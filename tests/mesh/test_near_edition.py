"""Which entry is named as the one that lacks a host follows the edition that is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.mesh.egress import EgressEngine
from apps.mesh.hostsets import HostSet, RequiredHost, Tier, speedscale
from apps.mesh.verdicts import Destination, EgressAnswer, Fix
from tests.mesh.rule_cases import CARDS, laid

ENTRY = "ServiceEntry speedscale/speedscale-external-svc-https"
NEXT = replace(
    speedscale(),
    edition="next",
    hosts=(
        *(host for host in speedscale().hosts if host.host != "speedscale.github.io"),
        RequiredHost("ingest.example.net", Tier.REQUIRED, "", ""),
    ),
)


def asked(host: str, hostset: HostSet) -> EgressAnswer:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    workload = snapshot.workload("shop", "cart")
    assert workload is not None
    return snapshot.derived(EgressEngine).answer(workload, hostset.known(Destination(host)))


@pytest.mark.parametrize(
    ("host", "hostset", "named"),
    [
        ("ingest.example.net", NEXT, True),
        ("ingest.example.net", speedscale(), False),
        ("speedscale.github.io", NEXT, False),
        ("speedscale.github.io", speedscale(), True),
        ("api.cards.example", CARDS, False),
    ],
)
def test_speedscales_entry_is_named_for_hosts_of_the_edition(
    host: str, hostset: HostSet, named: bool
) -> None:
    answer = asked(host, hostset)
    words = f"Add {host} to the hosts of {ENTRY}."
    plain = f"Create a ServiceEntry for {host}, port 443, protocol TLS."
    assert isinstance(answer.fix, Fix)
    assert answer.fix.text == (words if named else plain)


def test_editions_of_one_snapshot_do_not_answer_for_one_another() -> None:
    snapshot = laid("mesh", "speedscale", "shop", "page-entry")
    workload, engine = snapshot.workload("shop", "cart"), snapshot.derived(EgressEngine)
    assert workload is not None
    destination = Destination("ingest.example.net")
    answers = [engine.answer(workload, one.known(destination)) for one in (speedscale(), NEXT, speedscale())]
    assert answers[0] == answers[2]
    assert answers[0].verdict == answers[1].verdict
    assert answers[0].fix != answers[1].fix


def test_a_set_knows_its_hosts_by_name_port_and_protocol() -> None:
    assert CARDS.known(Destination("reports.cards.example", 8443)).product == "cards"
    assert CARDS.known(Destination("reports.cards.example")).product == ""
    assert CARDS.known(Destination("api.cards.example", ip="198.51.100.9")).ip == "198.51.100.9"
