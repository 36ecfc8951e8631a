"""The official Python client works on a simulated cluster as on any other."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

from apps.simcluster.access import User
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster, SimulatedFleet

Json = dict[str, Any]
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
GROUP, VERSION, PLURAL = "networking.istio.io", "v1", "serviceentries"
READER = User("reader", rules=({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},))


def entry(name: str, *hosts: str) -> Json:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"hosts": list(hosts), "resolution": "NONE"},
    }


def config_map(name: str, **labels: str) -> client.V1ConfigMap:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data={"key": "1"})


@pytest.fixture(scope="module")
def cluster() -> Iterator[SimulatedCluster]:
    with SimulatedFleet([ClusterSpec("python", manifests=[NAMESPACE], users=[(READER, None)])]) as fleet:
        yield fleet["python"]


def connected(cluster: SimulatedCluster, user: str = "admin") -> client.ApiClient:
    settings = client.Configuration()
    loaded = yaml.safe_load(cluster.kubeconfig())
    config.load_kube_config_from_dict(loaded, context=f"{user}@python", client_configuration=settings)
    return client.ApiClient(settings)


@pytest.fixture(scope="module")
def api(cluster: SimulatedCluster) -> Iterator[client.ApiClient]:
    with connected(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def core(api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api)


def test_a_config_map_is_made_read_replaced_patched_and_deleted(core: client.CoreV1Api) -> None:
    made = core.create_namespaced_config_map("shop", config_map("one", app="web"))
    assert made.metadata.uid
    found = core.read_namespaced_config_map("one", "shop")
    assert (found.kind, found.data) == ("ConfigMap", {"key": "1"})
    found.data = {"key": "2"}
    replaced = core.replace_namespaced_config_map("one", "shop", found)
    assert int(replaced.metadata.resource_version) > int(made.metadata.resource_version)
    patched = core.patch_namespaced_config_map("one", "shop", {"data": {"other": "3"}})
    assert patched.data == {"key": "2", "other": "3"}
    gone = core.delete_namespaced_config_map("one", "shop")
    assert (gone.status, gone.details.uid) == ("Success", made.metadata.uid)
    with pytest.raises(ApiException) as refused:
        core.read_namespaced_config_map("one", "shop")
    assert (refused.value.status, refused.value.reason) == (404, "Not Found")


def test_an_old_version_is_not_replaced(core: client.CoreV1Api) -> None:
    stale = core.create_namespaced_config_map("shop", config_map("stale"))
    core.patch_namespaced_config_map("stale", "shop", {"data": {"key": "9"}})
    with pytest.raises(ApiException) as refused:
        core.replace_namespaced_config_map("stale", "shop", stale)
    assert refused.value.status == 409
    assert "the object has been modified" in refused.value.body


def test_a_json_patch_is_known_by_its_list(core: client.CoreV1Api) -> None:
    core.create_namespaced_config_map("shop", config_map("listed"))
    operations = [{"op": "replace", "path": "/data/key", "value": "4"}]
    assert core.patch_namespaced_config_map("listed", "shop", operations).data == {"key": "4"}


def test_pages_are_followed_with_continue(core: client.CoreV1Api) -> None:
    for number in range(5):
        core.create_namespaced_config_map("shop", config_map(f"page-{number}", paged="yes"))
    names: list[str] = []
    token = ""
    while True:
        more = {"_continue": token} if token else {}
        page = core.list_namespaced_config_map("shop", label_selector="paged=yes", limit=2, **more)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"page-{number}" for number in range(5)]


def test_a_deletion_takes_options_preconditions_and_collections(core: client.CoreV1Api) -> None:
    made = core.create_namespaced_config_map("shop", config_map("kept", group="gone"))
    wrong = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    with pytest.raises(ApiException) as refused:
        core.delete_namespaced_config_map("kept", "shop", body=wrong)
    assert refused.value.status == 409
    core.delete_namespaced_config_map("kept", "shop", dry_run="All")
    assert core.read_namespaced_config_map("kept", "shop").metadata.uid == made.metadata.uid
    core.delete_collection_namespaced_config_map("shop", label_selector="group=gone")
    assert core.list_namespaced_config_map("shop", label_selector="group=gone").items == []


def test_a_watch_continues_where_a_list_was(core: client.CoreV1Api) -> None:
    listed = core.list_namespaced_config_map("shop", label_selector="seen=yes")
    core.create_namespaced_config_map("shop", config_map("seen", seen="yes"))
    core.patch_namespaced_config_map("seen", "shop", {"data": {"key": "5"}})
    core.delete_namespaced_config_map("seen", "shop")
    stream = watch.Watch()
    events = stream.stream(
        core.list_namespaced_config_map,
        "shop",
        label_selector="seen=yes",
        resource_version=listed.metadata.resource_version,
        timeout_seconds=1,
    )
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert int(stream.resource_version) > int(listed.metadata.resource_version)


def test_a_watch_from_forgotten_history_is_told_410(
    core: client.CoreV1Api, cluster: SimulatedCluster
) -> None:
    listed = core.list_namespaced_config_map("shop")
    core.create_namespaced_config_map("shop", config_map("late"))
    cluster.store.compact()
    stream = watch.Watch().stream(
        core.list_namespaced_config_map,
        "shop",
        resource_version=listed.metadata.resource_version,
        timeout_seconds=5,
    )
    with pytest.raises(ApiException) as refused:
        list(stream)
    assert refused.value.status == 410
    names = {
        event["object"].metadata.name
        for event in watch.Watch().stream(core.list_namespaced_config_map, "shop", timeout_seconds=1)
    }
    assert "late" in names


def test_a_deployment_is_scaled_and_read_with_its_status(api: client.ApiClient) -> None:
    apps = client.AppsV1Api(api)
    container = client.V1Container(name="app", image="shop:1")
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": "web"}), spec=client.V1PodSpec(containers=[container])
    )
    spec = client.V1DeploymentSpec(
        selector=client.V1LabelSelector(match_labels={"app": "web"}), template=template
    )
    made = apps.create_namespaced_deployment(
        "shop", client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
    )
    assert (made.spec.replicas, made.metadata.generation) == (1, 1)
    scale = apps.patch_namespaced_deployment_scale("web", "shop", {"spec": {"replicas": 3}})
    assert scale.spec.replicas == 3
    assert apps.read_namespaced_deployment("web", "shop").metadata.generation > 1
    image = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "shop:2"}]}}}}
    patched = apps.patch_namespaced_deployment("web", "shop", image)
    assert [(item.name, item.image) for item in patched.spec.template.spec.containers] == [("app", "shop:2")]
    assert "web" in {item.metadata.name for item in apps.list_deployment_for_all_namespaces().items}


def test_custom_objects_are_made_applied_and_listed(api: client.ApiClient) -> None:
    custom = client.CustomObjectsApi(api)
    at = (GROUP, VERSION, "shop", PLURAL)
    custom.create_namespaced_custom_object(*at, entry("plain", "a.example.com"))
    merged = custom.patch_namespaced_custom_object(*at, "plain", {"spec": {"location": "MESH_EXTERNAL"}})
    assert merged["spec"]["location"] == "MESH_EXTERNAL"
    custom.patch_namespaced_custom_object(
        *at,
        "applied",
        entry("applied", "b.example.com"),
        field_manager="console",
        _content_type="application/apply-patch+yaml",
    )
    applied = custom.get_namespaced_custom_object(*at, "applied")  # this client drops the body of a 201
    assert [item["operation"] for item in applied["metadata"]["managedFields"]] == ["Apply"]
    with pytest.raises(ApiException) as refused:
        custom.patch_namespaced_custom_object(
            *at,
            "applied",
            entry("applied", "c.example.com"),
            field_manager="other",
            _content_type="application/apply-patch+yaml",
        )
    assert refused.value.status == 409
    assert 'conflict with \\"console\\": .spec.hosts' in refused.value.body
    listed = custom.list_namespaced_custom_object(*at)
    assert {item["metadata"]["name"] for item in listed["items"]} >= {"plain", "applied"}


def test_the_dynamic_client_discovers_applies_and_watches(api: client.ApiClient) -> None:
    dynamic = DynamicClient(api)
    entries = dynamic.resources.get(api_version=f"{GROUP}/{VERSION}", kind="ServiceEntry")
    assert (entries.name, entries.namespaced) == (PLURAL, True)
    assert "se" in entries.short_names
    start = entries.get(namespace="shop").metadata.resourceVersion
    entries.server_side_apply(entry("dynamic", "d.example.com"), namespace="shop", field_manager="console")
    with pytest.raises(ConflictError):
        entries.server_side_apply(entry("dynamic", "e.example.com"), namespace="shop", field_manager="other")
    forced = entries.server_side_apply(
        entry("dynamic", "e.example.com"), namespace="shop", field_manager="other", force_conflicts=True
    )
    assert forced.spec.hosts == ["e.example.com"]
    entries.delete("dynamic", "shop")
    with pytest.raises(NotFoundError):
        entries.get(name="dynamic", namespace="shop")
    events = entries.watch(namespace="shop", resource_version=start, timeout=1)
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]


def test_reviews_say_who_asks_and_what_is_allowed(cluster: SimulatedCluster) -> None:
    with connected(cluster, "reader") as reader:
        me = client.AuthenticationV1Api(reader).create_self_subject_review({"metadata": {}})
        assert me.status.user_info.username == "reader"
        access = client.AuthorizationV1Api(reader)

        def allowed(verb: str) -> bool:
            asked = client.V1ResourceAttributes(verb=verb, resource="configmaps", namespace="shop")
            review = client.V1SelfSubjectAccessReview(
                spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked)
            )
            return bool(access.create_self_subject_access_review(review).status.allowed)

        assert (allowed("list"), allowed("delete")) == (True, False)
        rules = access.create_self_subject_rules_review(
            client.V1SelfSubjectRulesReview(spec=client.V1SelfSubjectRulesReviewSpec(namespace="shop"))
        )
        assert any("configmaps" in (rule.resources or ()) for rule in rules.status.resource_rules)
        with pytest.raises(ApiException) as refused:
            client.CoreV1Api(reader).list_namespaced_secret("shop")
        assert refused.value.status == 403


def test_version_and_discovery_are_answered(api: client.ApiClient, cluster: SimulatedCluster) -> None:
    assert client.VersionApi(api).get_code().git_version == cluster.spec.git_version
    groups = {group.name for group in client.ApisApi(api).get_api_versions().groups}
    assert {"apps", GROUP, "apiextensions.k8s.io"} <= groups
    kinds = {item.kind for item in client.CoreV1Api(api).get_api_resources().resources}
    assert {"Pod", "ConfigMap", "Namespace"} <= kinds


def test_a_service_account_gets_a_token_that_works(core: client.CoreV1Api, cluster: SimulatedCluster) -> None:
    core.create_namespaced_service_account("shop", client.V1ServiceAccount(metadata={"name": "robot"}))
    asked = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[]))
    token = core.create_namespaced_service_account_token("robot", "shop", asked).status.token
    settings = client.Configuration(host=cluster.url, api_key={"authorization": f"Bearer {token}"})
    settings.ssl_ca_cert = str(cluster.ca_file)
    with client.ApiClient(settings) as robot:
        me = client.AuthenticationV1Api(robot).create_self_subject_review({"metadata": {}})
    assert me.status.user_info.username == "system:serviceaccount:shop:robot"
