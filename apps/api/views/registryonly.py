"""/api/v1/clusters/{name}/registry-only/: what outboundTrafficPolicy REGISTRY_ONLY would break."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.analysis.hosteditions import hostset_for
from apps.analysis.registryonly import Answer, Question, ask, choice_of, first, planes_of, typed_hosts
from apps.analysis.registryonly_json import first_json, head_json, scope_json
from apps.api.base import Endpoint, Paging
from apps.api.schema import NAMESPACE, problems
from apps.api.serializers.mesh import OpenFirstSerializer, RegistryOnlySerializer
from apps.clusters.models import Cluster
from apps.common.errors import InvalidInputError
from apps.mesh.breakage import Outcome

PLANE = OpenApiParameter("plane", str, description="namespace/revision; the first when it is left out.")
ONLY = OpenApiParameter("only", str, description="Switch this namespace alone, by its Sidecars.")
HOST = OpenApiParameter(
    "host", str, many=True, description="host, host:port or host:port/PROTOCOL: also ask about this one."
)
OUTCOME = OpenApiParameter(
    "outcome", str, many=True, enum=[o.value for o in Outcome], description="Only hosts with this outcome."
)
EXAMPLE = OpenApiExample(
    "One namespace loses one host",
    response_only=True,
    value={
        "cluster": "shop-prod",
        "plane": "istio-system/default",
        "namespace": "",
        "writes": [{"action": "update", "ref": "ConfigMap istio-system/istio"}],
        "notes": [],
        "asked": "all",
        "counts": {
            "would-be-blocked": 1,
            "unknown": 0,
            "already-blocked": 0,
            "stays-reachable": 12,
            "bypasses": 0,
        },
        "count": 1,
        "next": None,
        "previous": None,
        "results": [
            {
                "key": "payments.4b1f0c9a77d2",
                "namespace": "payments",
                "label": "Sidecar payments/default",
                "workloads": 4,
                "switched": True,
                "reason": "ConfigMap istio-system/istio would refuse what is not registered.",
                "hosts": [
                    {
                        "host": "api.stripe.com",
                        "port": 443,
                        "protocol": "TLS",
                        "named_by": [],
                        "outcome": "would-be-blocked",
                        "before": "allowed-passthrough",
                        "after": "blocked-reset",
                        "by": "",
                        "sentence": "Nothing registers api.stripe.com, and REGISTRY_ONLY refuses it.",
                        "fix": "Create a ServiceEntry for api.stripe.com, port 443, protocol TLS.",
                        "unknowns": [],
                    }
                ],
                "hosts_left_out": 0,
                "lost_services": 0,
                "lost_service_examples": [],
            }
        ],
    },
)
FIRST_EXAMPLE = OpenApiExample(
    "An entry and its import",
    response_only=True,
    value={
        "opens": [
            {
                "scope": "payments.4b1f0c9a77d2",
                "namespace": "payments",
                "label": "Sidecar payments/default",
                "host": "api.stripe.com",
                "port": 443,
                "protocol": "TLS",
            }
        ],
        "left": [],
        "others": 0,
        "summary": "Create ServiceEntry payments/external-hosts-https and add to Sidecar payments/default; "
        "opens api.stripe.com:443 for payments.",
        "reason": "",
        "warnings": [],
        "manifests": "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n…",
    },
)


class RegistryOnly(Endpoint):
    @extend_schema(
        operation_id="clusters_registry_only",
        parameters=[PLANE, ONLY, NAMESPACE, HOST, OUTCOME],
        responses={200: RegistryOnlySerializer, **problems(400, 404)},
        examples=[EXAMPLE],
    )
    def get(self, request: Request, name: str) -> Response:
        """What would be blocked if the policy of a control plane, or of one namespace, were REGISTRY_ONLY: a
        page of egress scopes with their hosts. Hosts that no object names, that no host set holds and that
        are not asked about cannot be seen; they would be blocked too."""
        cluster = self.cluster(name)
        outcomes = _outcomes(request.query_params.getlist("outcome"))
        answer = _answer(self, request, cluster)
        paging = Paging()
        page = paging.paginate_queryset(answer.scopes, request, view=self)
        rows = [scope_json(answer, row, outcomes) for row in page or ()]
        paged = paging.get_paginated_response(rows).data
        shown = {"cluster": cluster.name, **head_json(answer), **paged}
        return Response(RegistryOnlySerializer(shown).data)


class OpenFirst(Endpoint):
    @extend_schema(
        operation_id="clusters_registry_only_open_first",
        parameters=[PLANE, ONLY, NAMESPACE, HOST],
        responses={200: OpenFirstSerializer, **problems(400, 404)},
        examples=[FIRST_EXAMPLE],
    )
    def get(self, request: Request, name: str) -> Response:
        """The manifests that keep reachable what the switch would block and somebody is known to call: the
        hosts that Speedscale needs, those of other sets where they are declared as needed, those that an
        object of the namespace names, and, where one namespace is asked about, those of `host`. Nothing is
        proposed yet; POST /changes/ takes them."""
        answer = _answer(self, request, self.cluster(name))
        return Response(OpenFirstSerializer(first_json(first(answer))).data)


def _answer(endpoint: Endpoint, request: Request, cluster: Cluster) -> Answer:
    asked = request.query_params
    plane, only = asked.get("plane", "")[:127], asked.get("only", "")[:63]
    question = Question(
        choice_of(planes_of(cluster), plane, only),
        hostset_for(cluster),
        typed_hosts(asked.getlist("host")),
        asked.get("namespace", "")[:63],
    )
    return ask(endpoint.person, cluster, question)


def _outcomes(wanted: list[str]) -> frozenset[Outcome]:
    try:
        return frozenset(map(Outcome, wanted)) or frozenset(Outcome)
    except ValueError as error:
        raise InvalidInputError(f"outcome is one of {', '.join(Outcome)}.", field="outcome") from error
