"""/api/v1/audit/: the record as a list, as a file, and its signed checkpoints."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission, require
from apps.api.base import Endpoint
from apps.api.schema import listed, problems
from apps.api.serializers.audit import AuditExportQuery, AuditQuery, AuditSerializer, CheckpointSerializer
from apps.audit import selectors as audit
from apps.audit.checkpoints import as_json
from apps.audit.exported import audit_file

CSV_LINE = "number,at,actor,via,action,…\n17,2026-11-25T14:00:00+00:00,sam,browser,change.approve,…\n"


class AuditEndpoint(Endpoint):
    """For auditors: administrators and operators."""

    needs = {"GET": Permission.VIEW_AUDIT}

    def asked(self, query: type[AuditQuery]) -> dict[str, Any]:
        """The filters, once the person may read the record."""
        require(self.person, Permission.VIEW_AUDIT, action="audit.read")
        known = query().get_fields()
        wanted = {name: value for name, value in self.request.query_params.items() if name in known and value}
        return dict(self.checked(query, wanted))


class Audit(AuditEndpoint):
    @extend_schema(operation_id="audit_list", parameters=[AuditQuery], responses=listed(AuditSerializer, 400))
    def get(self, request: Request) -> Response:
        """The record, newest first. For auditors: administrators and operators."""
        asked = self.asked(AuditQuery)
        return self.paged(audit.events(text=asked.pop("q", ""), **asked), AuditSerializer)


class AuditExport(AuditEndpoint):
    @extend_schema(
        operation_id="audit_export",
        parameters=[AuditExportQuery],
        responses={
            (200, "text/csv"): OpenApiResponse(str, "One line a row, and a head."),
            (200, "application/jsonl"): OpenApiResponse(str, "One JSON object a line, hashes included."),
            **problems(400),
        },
        examples=[OpenApiExample("CSV", value=CSV_LINE, response_only=True, media_type="text/csv")],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The same rows in one file, at most 100,000; `manage.py audit_export` writes them all."""
        asked = self.asked(AuditExportQuery)
        form = asked.pop("as")
        return audit_file(form, audit.events(text=asked.pop("q", ""), **asked))


class Checkpoints(AuditEndpoint):
    @extend_schema(operation_id="audit_checkpoints_list", responses=listed(CheckpointSerializer, 400))
    def get(self, request: Request) -> Response:
        """Signed heads of the chain, oldest first, to be kept somewhere else."""
        require(self.person, Permission.VIEW_AUDIT, action="audit.read")
        return self.paged(audit.checkpoints(), ShippedCheckpoint)


class ShippedCheckpoint(CheckpointSerializer):
    """From a row to what is shipped."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return as_json(instance)
