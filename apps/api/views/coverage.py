"""/api/v1/coverage/ and /api/v1/clusters/{name}/coverage/: Speedscale's coverage by day."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.analysis import coveragedays
from apps.analysis.exported import FORMATS, coverage_file
from apps.analysis.recording import KEEP_DAYS
from apps.analysis.trend import Series
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.schema import listed, problems
from apps.api.serializers.coverage import CoverageSeriesSerializer
from apps.clusters import selectors as clusters
from apps.common.errors import InvalidInputError

DAYS = OpenApiParameter(
    "days",
    int,
    description=f"How many days, today among them: 1 to {KEEP_DAYS}; {coveragedays.API_DAYS} else.",
)
NAMESPACE = OpenApiParameter("namespace", str, description="Of this namespace instead of the whole cluster.")
AS = OpenApiParameter("as", str, enum=FORMATS, description="csv by default")
READ_DAY = {
    "day": "2026-11-24",
    "read": True,
    "covered": 9,
    "expected": 12,
    "percent": 75.0,
    "total": 40,
    "percent_of_total": 22.5,
    "by_kind": {"sidecar": 7, "ebpf": 2},
    "not_read": [],
    "paused": ["till-prod"],
}
GAP = {
    **dict.fromkeys(("covered", "expected", "percent", "total", "percent_of_total", "by_kind")),
    "day": "2026-11-25",
    "read": False,
    "not_read": ["shop-prod"],
    "paused": [],
}
IN_PRODUCTION = {"environment": "production", "namespace": ""}
ONE = OpenApiExample(
    "A day and a gap",
    response_only=True,
    value={**IN_PRODUCTION, "cluster": "shop-prod", "days": [READ_DAY, GAP]},
)
FLEET = OpenApiExample(
    "A fleet with one environment",
    response_only=True,
    value={
        "count": 2,
        "next": None,
        "previous": None,
        "results": [
            {"environment": "", "cluster": "", "namespace": "", "days": [READ_DAY, GAP]},
            {**IN_PRODUCTION, "cluster": "", "days": [READ_DAY, GAP]},
        ],
    },
)
FILES = {
    (200, "text/csv"): OpenApiResponse(str, "One line a day and place, and a head."),
    (200, "application/jsonl"): OpenApiResponse(str, "One JSON object a line."),
}
CSV = OpenApiExample(
    "CSV",
    value="day,environment,cluster,namespace,read,covered,…\n2026-11-24,production,shop-prod,,yes,9,…\n",
    response_only=True,
    media_type="text/csv",
)


class CoverageEndpoint(Endpoint):
    """What endpoints about coverage by day share."""

    def days(self) -> int:
        return coveragedays.days_asked(self.request.query_params.get("days", ""))

    def fleet(self) -> list[Series]:
        return coveragedays.of_fleet(clusters.visible(self.person), self.days())

    def form(self) -> str:
        form = self.request.query_params.get("as", FORMATS[0])
        if form not in FORMATS:
            raise InvalidInputError(f"as is one of {', '.join(FORMATS)}.", field="as")
        return form


class FleetCoverage(CoverageEndpoint):
    @extend_schema(
        operation_id="coverage_list",
        parameters=[DAYS],
        responses=listed(CoverageSeriesSerializer, 400),
        examples=[FLEET],
    )
    def get(self, request: Request) -> Response:
        """Speedscale's coverage of the fleet and of each environment, day by day, over the clusters that you
        may see, each in the environment that it had on the day. A day on which one of them was not read
        completely is a gap; one that was paused is left out and named."""
        return self.paged(self.fleet(), CoverageSeriesSerializer)


class FleetCoverageExport(CoverageEndpoint):
    @extend_schema(
        operation_id="coverage_export",
        parameters=[DAYS, AS],
        responses={**FILES, **problems(400)},
        examples=[CSV],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The same in one file, as CSV or JSON lines."""
        return coverage_file("coverage", self.form(), self.fleet())


class ClusterCoverage(CoverageEndpoint):
    @extend_schema(
        operation_id="clusters_coverage",
        parameters=[DAYS, NAMESPACE],
        responses={200: CoverageSeriesSerializer, **problems(400, 404)},
        examples=[ONE],
    )
    def get(self, request: Request, name: str) -> Response:
        """Speedscale's coverage of a cluster, or of one of its namespaces, day by day, as the last complete
        reading of each day showed it."""
        cluster, days = self.cluster(name), self.days()
        namespace = request.query_params.get("namespace", "")
        if not namespace:
            return Response(CoverageSeriesSerializer(coveragedays.of_cluster(cluster, days)).data)
        found = coveragedays.of_namespaces(self.person, cluster, days, only=namespace)
        if not found:
            raise NotFoundError(
                f"Nothing is recorded of namespace «{namespace[:63]}», or you may not see it."
            )
        return Response(CoverageSeriesSerializer(found[0]).data)


class ClusterCoverageExport(CoverageEndpoint):
    @extend_schema(
        operation_id="clusters_coverage_export",
        parameters=[DAYS, AS],
        responses={**FILES, **problems(400, 404)},
        examples=[CSV],
    )
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """The cluster and each of its namespaces that you may see in one file, as CSV or JSON lines."""
        cluster, days = self.cluster(name), self.days()
        series = coveragedays.with_namespaces(self.person, cluster, days)
        return coverage_file(f"coverage-{cluster.name}", self.form(), series)
