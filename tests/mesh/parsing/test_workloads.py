"""Services, ServiceAccounts and templates; and what is wrong anywhere."""

from __future__ import annotations

from apps.mesh.objects.config import ServiceAccount
from apps.mesh.objects.networking import (
    Service,
)
from apps.mesh.objects.workloads import ContainerPort, Workload
from tests.mesh.parsing.reading import problems, read


def test_a_service_keeps_where_its_ports_lead() -> None:
    service = read(
        Service,
        """
        ports:
        - {name: http, port: 80, targetPort: web, nodePort: 30080}
        - {name: grpc, port: 81, targetPort: 8081}
        - {name: same, port: 82}
        """,
    )
    assert [port.target_port for port in service.ports] == ["web", "8081", ""]
    assert service.ports[0].node_port == 30080


def test_a_template_says_which_ports_its_containers_declare() -> None:
    workload = read(
        Workload,
        """
        template:
          spec:
            containers:
            - {name: web, ports: [{name: http, containerPort: 8080}, {containerPort: 53, protocol: UDP}]}
            initContainers: [{name: proxy, restartPolicy: Always, ports: [{containerPort: 15090}]}]
        """,
    )
    assert workload.template.ports == (
        ContainerPort(8080, "http"),
        ContainerPort(53, "", "UDP"),
        ContainerPort(15090),
    )


def test_a_service_account_is_known_by_its_name() -> None:
    assert read(ServiceAccount, "{}").name == "one"


def test_what_is_wrong_is_named_by_its_path() -> None:
    assert problems("DestinationRule", "{host: a, trafficPolicy: {tls: 7}}") == ["spec.trafficPolicy.tls"]
    assert problems("DestinationRule", "{subsets: [{labels: []}]}") == ["spec.subsets[0].labels"]
    assert problems("AuthorizationPolicy", "{rules: [{to: [{operation: {ports: [true]}}]}]}") == [
        "spec.rules[0].to[0].operation.ports[0]"
    ]
    assert problems("NetworkPolicy", "{egress: [{ports: [{endPort: x}]}]}") == [
        "spec.egress[0].ports[0].endPort"
    ]
    assert problems("Gateway", "{servers: [{tls: {httpsRedirect: maybe}}]}") == [
        "spec.servers[0].tls.httpsRedirect"
    ]
