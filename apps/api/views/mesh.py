"""/api/v1/{workloads,egress,objects}/ and the matrix of a cluster: prepared answers, read."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.analysis import hosteditions
from apps.analysis import selectors as analysis
from apps.analysis.explain import explain
from apps.analysis.models import ClusterSummary
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.schema import CLUSTER, NAMESPACE, TEXT, listed, problems
from apps.api.serializers.mesh import (
    ExplanationSerializer,
    MatrixSerializer,
    ObjectDetailSerializer,
    ObjectSerializer,
    WorkloadSerializer,
)
from apps.changes.watches import watch_of
from apps.common.errors import InvalidInputError
from apps.inventory import selectors as inventory
from apps.mesh.hostsets import SPEEDSCALE
from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Destination, Protocol

MAX_PORT = 65535
BLOCKED_EXAMPLE = OpenApiExample(
    "Blocked",
    response_only=True,
    value={
        "cluster": "shop-prod",
        "workload": "Deployment payments/ledger",
        "scope": "4b1f0c",
        "scope_label": "Sidecar payments/default",
        "host": "sts.amazonaws.com",
        "port": 443,
        "protocol": "TLS",
        "verdict": "blocked-reset",
        "sentence": "Nothing registers sts.amazonaws.com and the policy lets only registered hosts out.",
        "status": None,
        "evidence": [],
        "stopped": None,
        "fix": {"text": "Register it in a ServiceEntry.", "remedy": "open-required-hosts", "ref": None},
        "unknowns": [],
    },
)


class Workloads(Endpoint):
    @extend_schema(
        operation_id="workloads_list",
        parameters=[CLUSTER, NAMESPACE, TEXT],
        responses=listed(WorkloadSerializer, 400),
    )
    def get(self, request: Request) -> Response:
        """Every workload with its place in the mesh and under capture, expected against actual."""
        asked = request.query_params
        rows = analysis.workloads(self.person).filter(analysis.matching(asked.get("q", "")[:200]))
        rows = rows.filter(**self.given({"cluster": "cluster__name", "namespace": "namespace"}))
        return self.paged(rows.order_by("cluster__name", "namespace", "name", "pk"), WorkloadSerializer)


class Matrix(Endpoint):
    @extend_schema(
        operation_id="clusters_egress",
        parameters=[OpenApiParameter("hostset", str, description="A set that is in use; Speedscale's else.")],
        responses={200: MatrixSerializer, **problems(404)},
    )
    def get(self, request: Request, name: str) -> Response:
        """For every egress scope (the workloads that Istio treats alike) and every host of a set, the
        verdict. A host with another port than 443 is named with it."""
        cluster = self.cluster(name)
        summary = ClusterSummary.objects.filter(cluster=cluster).first()
        wanted = request.query_params.get("hostset", SPEEDSCALE)
        sets = hosteditions.sets_of_summary(summary.hostset if summary else {})
        hostset = next((one for one in sets if one.get("name") == wanted), None)
        if hostset is None and wanted != SPEEDSCALE:
            raise NotFoundError(f"The set «{wanted[:40]}» is not in use in {cluster.name}.")
        hostset = hostset or {}
        shown = {
            "cluster": cluster.name,
            "analysed_at": summary.analysed_at if summary else None,
            "hostset": hostset.get("name", ""),
            "edition": hostset.get("edition", ""),
            "hosts": hostset.get("hosts", []),
            "scopes": analysis.scopes(self.person, cluster, wanted),
        }
        return Response(MatrixSerializer(shown).data)


class Explain(Endpoint):
    @extend_schema(
        operation_id="egress_explain",
        parameters=[
            OpenApiParameter("cluster", str, required=True),
            OpenApiParameter("workload", str, required=True, description="namespace/name"),
            OpenApiParameter("host", str, required=True),
            OpenApiParameter("port", int, description="443 when it is left out."),
            OpenApiParameter("protocol", str, enum=[p.value for p in Protocol]),
            OpenApiParameter("ip", str, description="The original destination, where it is known."),
        ],
        responses={200: ExplanationSerializer, **problems(400, 404)},
        examples=[BLOCKED_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        """Why a connection is let out or not, step by step, each step with the object it rests on."""
        asked = request.query_params
        cluster = self.cluster(asked.get("cluster", ""))
        destination = _destination(asked)
        found = explain(
            self.person, cluster, workload=asked.get("workload", "")[:400], destination=destination
        )
        shown = {
            "cluster": cluster.name,
            "workload": str(found.workload.ref),
            "scope": found.scope,
            "answer": found.answer,
            "destination": destination,
        }
        return Response(ExplanationSerializer(shown).data)


class Objects(Endpoint):
    @extend_schema(
        operation_id="objects_list",
        parameters=[
            OpenApiParameter("cluster", str, required=True),
            OpenApiParameter("kind", str),
            NAMESPACE,
            TEXT,
        ],
        responses=listed(ObjectSerializer, 400),
    )
    def get(self, request: Request) -> Response:
        """The objects of one cluster as they were last read."""
        asked = request.query_params
        rows = inventory.current(
            self.person,
            self.cluster(asked.get("cluster", "")),
            kind=asked.get("kind", "")[:63],
            namespace=asked.get("namespace", "")[:63],
            text=asked.get("q", "")[:200],
        )
        return self.paged(rows, ObjectSerializer)


class ObjectOne(Endpoint):
    @extend_schema(operation_id="objects_read", responses={200: ObjectDetailSerializer, **problems(404)})
    def get(self, request: Request, pk: int) -> Response:
        """One version of an object with its manifest."""
        rows = inventory.visible_objects(self.person).select_related("cluster", "content")
        found = rows.filter(pk=pk).first()
        if found is None:
            raise NotFoundError("There is no such object, or you may not see it.")
        ref = ResourceRef(found.kind, found.namespace, found.name)
        watch = watch_of(self.person, found.cluster, ref)
        return Response(ObjectDetailSerializer(found, context={"watch": watch}).data)


def _destination(asked: Any) -> Destination:
    host, port = asked.get("host", ""), asked.get("port", "443")
    if not host or len(host) > 253:
        raise InvalidInputError("Name the host.", field="host")
    if not port.isdecimal() or not 0 < int(port[:6]) <= MAX_PORT:
        raise InvalidInputError(f"port is a number from 1 to {MAX_PORT}.", field="port")
    protocol = asked.get("protocol", Protocol.TLS.value)
    if protocol not in list(Protocol):
        raise InvalidInputError(f"protocol is one of {', '.join(Protocol)}.", field="protocol")
    return Destination(host, int(port), Protocol(protocol), asked.get("ip", "")[:45])
