"""Who may call a simulated cluster."""

from functools import cache

import pytest

from apps.simcluster.scenario import SCENARIOS, PolicyRule, User, load

CLUSTERS = sorted(path.stem for path in SCENARIOS.glob("*.yaml"))
READ = {"get", "list", "watch"}


@cache
def users(cluster: str) -> list[User]:
    return load(SCENARIOS / f"{cluster}.yaml").users


def user(cluster: str, name: str) -> User:
    return next(row for row in users(cluster) if row.name == name)


def verbs(rules: tuple[PolicyRule, ...], group: str, resource: str) -> set[str]:
    return {
        verb
        for rule in rules
        for verb in rule.verbs
        if group in rule.api_groups and resource in rule.resources
    }


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_reader_reads_what_the_console_needs_and_writes_nothing(cluster: str) -> None:
    rules = user(cluster, "console-reader").rules
    for resource in ("namespaces", "pods", "services", "nodes"):
        assert verbs(rules, "", resource) == READ
    for resource in ("deployments", "statefulsets", "daemonsets", "replicasets"):
        assert verbs(rules, "apps", resource) == READ
    assert verbs(rules, "networking.istio.io", "serviceentries") == READ
    assert verbs(rules, "", "secrets") == set()
    assert {verb for rule in rules for verb in rule.verbs} == READ
    assert not any("*" in (*rule.resources, *rule.api_groups) for rule in rules)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_reader_gets_config_maps_by_name_only(cluster: str) -> None:
    rules = [rule for rule in user(cluster, "console-reader").rules if "configmaps" in rule.resources]
    names = {name for rule in rules for name in rule.resource_names}
    assert rules
    assert all(rule.resource_names for rule in rules)
    assert {"istio", "istio-sidecar-injector", "speedscale-operator"} <= names
    assert "kube-root-ca.crt" not in names


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_writer_may_also_change_three_istio_kinds_and_patch_three_workload_kinds(cluster: str) -> None:
    rules = user(cluster, "console-writer").rules
    reader = user(cluster, "console-reader").rules
    assert set(reader) < set(rules)
    for resource in ("serviceentries", "sidecars", "virtualservices"):
        assert verbs(rules, "networking.istio.io", resource) == READ | {"patch", "create", "delete"}
    for resource in ("deployments", "statefulsets", "daemonsets"):
        assert verbs(rules, "apps", resource) == READ | {"patch"}
    assert verbs(rules, "networking.istio.io", "gateways") == READ
    assert verbs(rules, "", "pods") == READ


def test_nobodys_token_is_written_into_a_file_and_none_is_shown() -> None:
    for cluster in CLUSTERS:
        for row in users(cluster):
            assert row.token is None
    assert "secret" not in repr(User("x", "secret", (), ()))


def test_the_administrator_is_one_of_kubernetes_masters() -> None:
    rogue = user("prod-eu-1", "rogue")
    assert rogue.groups == ("system:masters",)
    assert rogue.rules[0].manifest() == {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
