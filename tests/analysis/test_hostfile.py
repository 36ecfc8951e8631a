"""An edition as text: what is read, how it is written back, and what each mistake is told as."""

from __future__ import annotations

import json

import pytest

from apps.analysis.hostfile import HostFileError, as_text, content, read
from apps.mesh.hostchanges import differ
from apps.mesh.hostsets import FIRST_EDITION, HostSet, Tier, speedscale
from apps.mesh.verdicts import Protocol

PAGE = FIRST_EDITION
HEAD = "set: cards\nedition: '7'\nsource: the contract\n"


def parsed(text: str, **given: str) -> HostSet:
    return read(text, known=PAGE, **given)


def problems(text: str, **given: str) -> list[str]:
    with pytest.raises(HostFileError) as caught:
        parsed(text, **given)
    assert caught.value.message == " ".join(caught.value.problems)
    return caught.value.problems


def test_what_is_written_is_read_as_the_same_edition_in_yaml_and_in_json() -> None:
    assert parsed(as_text(PAGE)) == PAGE
    assert parsed(json.dumps(content(PAGE))) == PAGE
    assert parsed(as_text(speedscale("eu-west-1"))).hosts == speedscale("eu-west-1").hosts


def test_parameters_are_filled_in_and_kept() -> None:
    text = (
        "set: speedscale\nedition: e2\nsource: s\nparameters: {region: eu-west-1}\n"
        "hosts: [{host: 'SQS.{region}.amazonaws.com', tier: required}]"
    )
    (host,) = parsed(text).hosts
    assert (host.host, host.pattern) == ("sqs.eu-west-1.amazonaws.com", "sqs.{region}.amazonaws.com")
    assert parsed(text).filled({"region": "us-west-2"}).hosts[0].host == "sqs.us-west-2.amazonaws.com"


def test_a_plain_list_keeps_what_is_known_of_its_hosts() -> None:
    found = parsed(
        "# from the page\napp.speedscale.com\nnew.speedscale.com:8443  # new\n\n",
        name="speedscale",
        edition="e2",
        source="a mail",
    )
    assert found.hosts[0] == PAGE.hosts[0]
    new = found.hosts[1]
    assert (new.key, new.tier, new.protocol) == ("new.speedscale.com:8443", Tier.DOCUMENTED, Protocol.TLS)
    assert found.parameters == PAGE.parameters


def test_the_table_of_the_page_is_a_plain_list_that_changes_nothing() -> None:
    table = "Host\tProtocol\tDirection\n" + "\n".join(f"{h.host}\tHTTPS\tOutbound" for h in PAGE.hosts)
    found = parsed(table, name="speedscale", edition="e2", source="the page")
    assert differ(PAGE.hosts, found.hosts).empty


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "Line 2: This is not YAML: "),
        ("[1, 2]", "It is one mapping with set, edition, source, parameters, hosts."),
        ("- a: 1", "It is one mapping with"),
        (f"{HEAD}hosts: 5", "hosts: it is a list of hosts."),
        (f"{HEAD}hosts: []", "hosts: there is none."),
        (f"{HEAD}hosts: [a.example]", "hosts[0]: it is a mapping with"),
        (f"{HEAD}hosts: [{{host: {{app_host}}, tier: required}}]", "hosts[0].host: it is a text; one that"),
        (f"{HEAD}hosts: [{{host: 'a b', tier: required}}]", "hosts[0].host: «a b» is not a host name"),
        (f"{HEAD}hosts: [{{host: '*', tier: required}}]", "hosts[0].host: «*» is not a host name"),
        (f"{HEAD}hosts: [{{host: 10.0.0.1, tier: required}}]", "hosts[0].host: «10.0.0.1» is not"),
        (f"{HEAD}hosts: [{{host: 'x.{{zone}}.y', tier: required}}]", "hosts[0].host: «x.{zone}.y» is not"),
        (f"{HEAD}hosts: [{{host: a.example}}]", "hosts[0].tier: it is one of required, documented, info"),
        (f"{HEAD}hosts: [{{host: a.example, tier: [x]}}]", "hosts[0].tier: it is one of"),
        (f"{HEAD}hosts: [{{host: a.example, tier: required, port: '443'}}]", "hosts[0].port: it is a number"),
        (f"{HEAD}hosts: [{{host: a.example, tier: required, port: true}}]", "hosts[0].port: it is a number"),
        (f"{HEAD}hosts: [{{host: a.example, tier: required, protocol: QUIC}}]", "hosts[0].protocol: it is"),
        (f"{HEAD}hosts: [{{host: a.example, tier: required, note: x}}]", "hosts[0].note: there is no such"),
        (f"{HEAD}hosts: [{{host: a.example, tier: required, purpose: [1]}}]", "hosts[0].purpose: it is a"),
        (f'{HEAD}hosts: [{{host: a.example, tier: required, used_by: "a\\0"}}]', "hosts[0].used_by: it is a"),
        (f"{HEAD}more: 1\nhosts: [{{host: a.example, tier: required}}]", "more: there is no such field;"),
        (f"{HEAD}parameters: 1\nhosts: [{{host: a.example, tier: required}}]", "parameters: it is a mapping"),
        (f"{HEAD}parameters: {{zone: x}}\nhosts: [{{host: a.example, tier: required}}]", "parameters.zone: "),
        (f"{HEAD}parameters: {{region: A B}}\nhosts: [{{host: a.example, tier: required}}]", "parameters.r"),
        ("set: A\nedition: '1'\nsource: s\nhosts: [{host: a.example, tier: required}]", "set: name it with"),
        ("set: a\nedition: 1\nsource: s\nhosts: [{host: a.example, tier: required}]", "edition: call it by"),
        ("set: a\nedition: '1'\nhosts: [{host: a.example, tier: required}]", "source: say where the list"),
        (
            f"{HEAD}hosts: [{{host: a.example, tier: required}}, {{host: A.example, tier: documented}}]",
            "hosts: a.example stands there twice.",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_field(text: str, told: str) -> None:
    assert problems(text)[0].startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.example\nnonsense\n", "Line 2: «nonsense» is not a host name"),
        ("a.example:0", "Line 1: after the colon stands a port from 1 to 65535."),
        ("a.example QUIC", "Line 1: after the host may stand a protocol"),
        ("a.example HTTPS Inbound", "Line 1: after the host may stand a protocol"),
        ("a.example\na.example", "hosts: a.example stands there twice."),
        ("", "hosts: there is none."),
    ],
)
def test_a_mistake_in_a_plain_list_is_told_with_its_line(text: str, told: str) -> None:
    assert problems(text, name="cards", edition="7", source="the contract")[0].startswith(told)


def test_all_mistakes_are_told_at_once_and_no_more_than_can_be_read() -> None:
    assert len(problems("set: A\nhosts: [{host: 1}]")) == 5
    rows = ", ".join("{}" for _ in range(60))
    assert problems(f"{HEAD}hosts: [{rows}]")[-1].startswith("And ")


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    assert "128 KiB" in problems("x" * 200_000)[0]
    many = ", ".join(f"{{host: h{n}.example, tier: required}}" for n in range(200))
    assert problems(f"{HEAD}hosts: [{many}]")[-1] == "hosts: there are 200; at most 100 are kept."
    plain = "\n".join(f"h{n}.example" for n in range(101))
    assert "at most 100" in problems(plain, name="cards", edition="7", source="s")[0]


def test_another_set_than_the_one_at_hand_is_a_mistake() -> None:
    text = f"{HEAD}hosts: [{{host: a.example, tier: required}}]"
    assert problems(text, name="mail") == ["set: this is about «cards» and not about «mail»."]
    assert parsed(text, name="cards", edition="ignored").edition == "7"
