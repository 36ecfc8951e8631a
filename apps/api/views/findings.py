"""/api/v1/findings/: what is wrong, as a list, one by one, and as a file."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.analysis import selectors as analysis
from apps.analysis.exported import FORMATS, findings_file
from apps.analysis.models import Finding
from apps.analysis.selectors import Shown
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.schema import CLUSTER, NAMESPACE, TEXT, listed, problems
from apps.api.serializers.findings import FindingDetailSerializer, FindingSerializer
from apps.common.clock import now
from apps.common.errors import InvalidInputError
from apps.mesh.findings import Severity

ALL = "all"
STATES = (*(state.value for state in Shown), ALL)
COLUMNS = {"cluster": "cluster__name", "namespace": "namespace", "code": "code", "severity": "severity"}
FILTERS = [
    CLUSTER,
    NAMESPACE,
    TEXT,
    OpenApiParameter("code", str),
    OpenApiParameter("severity", str, enum=[severity.value for severity in Severity]),
    OpenApiParameter(
        "state", str, enum=STATES, description="open by default; suppressed ones do not count as open"
    ),
]
CSV_LINE = "code,severity,title,cluster,…\nSS03,error,A Sidecar keeps…,shop-prod,…\n"


class FindingEndpoint(Endpoint):
    """What endpoints about findings share."""

    def finding(self, pk: int) -> Finding:
        """The finding, if the person may see it."""
        found = analysis.findings(self.person).filter(pk=pk).first()
        if found is None:
            raise NotFoundError("There is no such finding, or you may not see it.")
        return found

    def wanted(self) -> QuerySet[Finding]:
        """What the query asks for, worst first."""
        asked = self.request.query_params
        state = asked.get("state", Shown.OPEN.value)
        if state not in STATES:
            raise InvalidInputError(f"state is one of {', '.join(STATES)}.", field="state")
        rows = analysis.findings(self.person).filter(analysis.matching(asked.get("q", "")[:200]))
        if state != ALL:
            rows = rows.filter(analysis.in_state(Shown(state)))
        return rows.filter(**self.given(COLUMNS)).order_by("severity_rank", "-opened_at", "pk")


class Findings(FindingEndpoint):
    @extend_schema(operation_id="findings_list", parameters=FILTERS, responses=listed(FindingSerializer, 400))
    def get(self, request: Request) -> Response:
        """What is wrong, worst first; suppressed findings with `state=suppressed` or `all`."""
        return self.paged(self.wanted(), FindingSerializer)


class Export(FindingEndpoint):
    @extend_schema(
        operation_id="findings_export",
        parameters=[*FILTERS, OpenApiParameter("as", str, enum=FORMATS, description="csv by default")],
        responses={
            (200, "text/csv"): OpenApiResponse(str, "One line a finding, and a head."),
            (200, "application/jsonl"): OpenApiResponse(str, "One JSON object a line."),
            **problems(400),
        },
        examples=[OpenApiExample("CSV", value=CSV_LINE, response_only=True, media_type="text/csv")],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The same findings in one file, as CSV or JSON lines."""
        form = request.query_params.get("as", FORMATS[0])
        if form not in FORMATS:
            raise InvalidInputError(f"as is one of {', '.join(FORMATS)}.", field="as")
        return findings_file("findings", form, self.wanted(), now().date())


class FindingOne(FindingEndpoint):
    @extend_schema(operation_id="findings_read", responses={200: FindingDetailSerializer, **problems(404)})
    def get(self, request: Request, pk: int) -> Response:
        """One finding with its evidence."""
        return Response(FindingDetailSerializer(self.finding(pk)).data)
