"""/api/v1/clusters/: register, look at and operate clusters."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission
from apps.analysis.models import ClusterSummary
from apps.api.base import Endpoint
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, listed, problems
from apps.api.serializers.clusters import (
    ClusterDetailSerializer,
    ClusterSerializer,
    PreflightSerializer,
    RefreshSerializer,
    RegistrationSerializer,
)
from apps.clusters import actions, connection, kubeconfig, selectors
from apps.clusters.models import Cluster, Credential
from apps.common.errors import InvalidInputError
from apps.inventory.actions import request_refresh
from apps.inventory.models import RefreshRun
from apps.inventory.selectors import latest_run

PLACE = ("name", "environment", "region", "owner_team", "labels")
CONNECTION = ("server", "ca_pem", "token", "client_certificate", "client_key", "tls_server_name")
REGISTER_EXAMPLE = OpenApiExample(
    "By URL and token",
    request_only=True,
    value={
        "name": "shop-prod",
        "environment": "production",
        "server": "https://10.20.0.1:6443",
        "ca_pem": "-----BEGIN CERTIFICATE-----\n…",
        "token": "eyJhbGciOi…",
    },
)


class Clusters(Endpoint):
    needs = {"GET": Permission.VIEW, "POST": Permission.OPERATE_CLUSTERS}

    @extend_schema(
        operation_id="clusters_list",
        parameters=[
            OpenApiParameter("environment", str, description="Only of this environment."),
            OpenApiParameter("q", str, description="Text in the name."),
        ],
        responses=listed(ClusterSerializer),
    )
    def get(self, request: Request) -> Response:
        """The clusters that you may see, by name."""
        rows = selectors.visible(self.person)
        if environment := request.query_params.get("environment"):
            rows = rows.filter(environment=environment)
        if text := request.query_params.get("q"):
            rows = rows.filter(name__icontains=text)
        return self.paged(rows, ClusterSerializer)

    @extend_schema(
        operation_id="clusters_register",
        request=RegistrationSerializer,
        parameters=[IDEMPOTENCY],
        responses={201: ClusterDetailSerializer, **problems(400, 409, 413, 422)},
        examples=[REGISTER_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Registers a cluster once it was reached and took the credential. A kubeconfig is read, never
        run: what would start a program or read a file is refused with the name of the field."""
        data = self.checked(RegistrationSerializer)
        return once(request, self.person, lambda: self._register(data))

    def _register(self, data: dict[str, Any]) -> Response:
        place = {key: data[key] for key in PLACE}
        if data["kubeconfig"]:
            cluster = actions.register_from_kubeconfig(
                actor=self.person, text=data["kubeconfig"], context=data["context"], **place
            )
        else:
            cluster = actions.register_cluster(
                actor=self.person, **place, **{key: data[key] for key in CONNECTION}
            )
        request_refresh(actor=self.person, cluster=cluster, trigger="registration")
        return Response(_detail(cluster), status=201)


class ClusterPreflight(Endpoint):
    """Without a name: before registering. Nothing is kept."""

    needs = {"POST": Permission.OPERATE_CLUSTERS}

    @extend_schema(
        operation_id="clusters_check",
        request=RegistrationSerializer,
        responses={200: PreflightSerializer, **problems(400, 413)},
        examples=[REGISTER_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """What a registration would find out, without keeping anything."""
        data = self.checked(RegistrationSerializer)
        if data["kubeconfig"]:
            found = kubeconfig.read(data["kubeconfig"], data["context"])
        else:
            found = connection.checked(**{key: data[key] for key in CONNECTION})
        checks = actions.check_connection(
            actor=self.person, connection=found, name=data["name"], environment=data["environment"]
        )
        return Response(PreflightSerializer(checks).data)


class ClusterOne(Endpoint):
    needs = {"GET": Permission.VIEW, "DELETE": Permission.OPERATE_CLUSTERS}

    @extend_schema(operation_id="clusters_read", responses={200: ClusterDetailSerializer, **problems(404)})
    def get(self, request: Request, name: str) -> Response:
        """One cluster with the figures of its last analysis."""
        return Response(_detail(self.cluster(name)))

    @extend_schema(
        operation_id="clusters_remove",
        parameters=[
            OpenApiParameter("confirm", str, required=True, description="The cluster's name, once more.")
        ],
        responses={204: None, **problems(400, 404)},
    )
    def delete(self, request: Request, name: str) -> Response:
        """Forgets the cluster, its credential and what was read from it."""
        cluster = self.cluster(name)
        if request.query_params.get("confirm") != cluster.name:
            raise InvalidInputError(f"Say ?confirm={cluster.name} to remove it.", field="confirm")
        actions.remove_cluster(actor=self.person, cluster=cluster)
        return Response(status=204)


class ClusterRecheck(Endpoint):
    needs = {"POST": Permission.OPERATE_CLUSTERS}

    @extend_schema(
        operation_id="clusters_preflight",
        request=None,
        responses={200: PreflightSerializer, **problems(400, 404)},
    )
    def post(self, request: Request, name: str) -> Response:
        """Asks the cluster again who the console is there and what it may do."""
        checks = actions.recheck(actor=self.person, cluster=self.cluster(name))
        return Response(PreflightSerializer(checks).data)


class ClusterRefresh(Endpoint):
    needs = {"GET": Permission.VIEW, "POST": Permission.VIEW}

    @extend_schema(operation_id="clusters_refreshes", responses=listed(RefreshSerializer, 404))
    def get(self, request: Request, name: str) -> Response:
        """The readings of the cluster, newest first."""
        rows = RefreshRun.objects.filter(cluster=self.cluster(name)).order_by("-requested_at", "-pk")
        return self.paged(rows, RefreshSerializer)

    @extend_schema(
        operation_id="clusters_refresh",
        request=None,
        responses={202: RefreshSerializer, **problems(404, 409)},
    )
    def post(self, request: Request, name: str) -> Response:
        """Queues a reading of the cluster; one that waits already is given back."""
        run = request_refresh(actor=self.person, cluster=self.cluster(name))
        return Response(RefreshSerializer(run).data, status=202)


class ClusterPause(Endpoint):
    needs = {"POST": Permission.OPERATE_CLUSTERS}

    @extend_schema(
        operation_id="clusters_pause", request=None, responses={200: ClusterDetailSerializer, **problems(404)}
    )
    def post(self, request: Request, name: str) -> Response:
        """Leaves the cluster alone: no reading and no write."""
        cluster = self.cluster(name)
        actions.pause(actor=self.person, cluster=cluster)
        return Response(_detail(cluster))


class ClusterResume(Endpoint):
    needs = {"POST": Permission.OPERATE_CLUSTERS}

    @extend_schema(
        operation_id="clusters_resume",
        request=None,
        responses={200: ClusterDetailSerializer, **problems(404)},
    )
    def post(self, request: Request, name: str) -> Response:
        """Takes a paused cluster up again."""
        cluster = self.cluster(name)
        actions.resume(actor=self.person, cluster=cluster)
        return Response(_detail(cluster))


def _detail(cluster: Cluster) -> Any:
    cluster.refresh_from_db()
    shown = {
        **ClusterSerializer(cluster).data,
        "served": cluster.served,
        "created_at": cluster.created_at,
        "credential": Credential.objects.filter(cluster=cluster).first(),
        "summary": ClusterSummary.objects.filter(cluster=cluster).first(),
        "latest_refresh": latest_run(cluster),
    }
    return ClusterDetailSerializer(shown).data
