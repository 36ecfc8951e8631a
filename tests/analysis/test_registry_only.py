"""The bounds on how much is asked at once, typed hosts, and the command on files."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.analysis.registryonly import Asked, Question, answer, typed_host, typed_hosts
from apps.common.errors import InvalidInputError
from apps.mesh.hostsets import speedscale
from apps.mesh.namedhosts import named_hosts
from apps.mesh.outboundswitch import Choice
from tests.mesh.rule_cases import base_text, laid

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop}
spec: {hosts: [api.x.com], ports: [{name: tls, number: 443, protocol: TLS}], resolution: NONE}
"""
BASES = ("mesh", "allow-any", "speedscale", "shop")


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    for place, base in enumerate(BASES):
        (tmp_path / f"{place}.yaml").write_text(base_text(base))
    return tmp_path


def run(directory: Path, *arguments: str) -> str:
    out = StringIO()
    call_command("registry_only", "--manifests", str(directory), *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.parametrize(
    ("most", "asked", "shop", "others"),
    [(1000, Asked.ALL, 13, 13), (25, Asked.OWN, 13, 12), (24, Asked.NONE, 12, 12)],
)
def test_as_many_named_hosts_are_asked_for_as_can_be(most: int, asked: Asked, shop: int, others: int) -> None:
    snapshot = laid(*BASES, more=ENTRY)
    question = Question(Choice(plane="istio-system/default"), speedscale())
    found = answer(snapshot, question, named_hosts(snapshot), most=most)
    cells = {row.scope.namespace: len(row.cells) for row in found.scopes}
    assert (found.asked, cells) == (asked, {"shop": shop, "speedscale": others})
    assert all(len(row.cells) + row.left_out == 13 for row in found.scopes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("API.x.com", ("api.x.com", 443, "TLS", "")),
        ("x.com:80", ("x.com", 80, "HTTP", "")),
        ("*.x.com:8443/tls", ("*.x.com", 8443, "TLS", "")),
        ("10.1.2.3:5432/TCP", ("10.1.2.3", 5432, "TCP", "10.1.2.3")),
        ("[2001:db8::1]:443", ("2001:db8::1", 443, "TLS", "2001:db8::1")),
    ],
)
def test_a_typed_host(text: str, expected: tuple[str, int, str, str]) -> None:
    found = typed_host(text).destination
    assert (found.host, found.port, found.protocol.value, found.ip) == expected


@pytest.mark.parametrize(
    "text", ["", "a b", "https://x.com", "x.com:0", "x.com:99999", "x/UDP", "-a.com", "*"]
)
def test_a_typed_host_that_is_none(text: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        typed_host(text)
    assert refusal.value.field == "host"


def test_not_too_many_at_once() -> None:
    with pytest.raises(InvalidInputError, match="at most 20"):
        typed_hosts(f"h{number}.x.com" for number in range(21))


def test_the_command_says_what_would_break(manifests: Path) -> None:
    text = run(manifests, "--host", "api.stripe.com", "--outcome", "would-be-blocked")
    assert "The switch writes: update ConfigMap istio-system/istio." in text
    assert "would-be-blocked: api.stripe.com:443 TLS (allowed-passthrough -> blocked-reset)" in text
    assert "Open first: Create ServiceEntry speedscale/speedscale-external-svc-https" in text
    assert "would be blocked too" in text


def test_the_command_answers_in_json_for_one_namespace(manifests: Path) -> None:
    found = json.loads(run(manifests, "--namespace", "shop", "--format", "json"))
    assert found["writes"] == [{"action": "create", "ref": "Sidecar shop/default"}]
    assert [row["namespace"] for row in found["scopes"]] == ["shop"]
    assert found["counts"]["would-be-blocked"] == len(found["scopes"][0]["hosts"])


def test_the_command_fails_when_asked_to_and_on_what_it_cannot_use(manifests: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        run(manifests, "--fail")
    assert ended.value.code == 1
    for wrong in (["--namespace", "nowhere"], ["--plane", "a/b"], ["--host", "https://x"]):
        with pytest.raises(CommandError) as refusal:
            run(manifests, *wrong)
        assert refusal.value.returncode == 2
