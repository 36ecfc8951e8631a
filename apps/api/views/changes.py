"""/api/v1/changes/: propose, read, and everything that moves a change."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission
from apps.analysis import selectors as analysis
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, listed, problems
from apps.api.serializers.changes import (
    ChangeRowSerializer,
    ChangeSerializer,
    DiffSerializer,
    EditSerializer,
    EventSerializer,
    NewChangeSerializer,
)
from apps.changes import selectors
from apps.changes.actions.edit import edit
from apps.changes.actions.propose_fix import propose_fix
from apps.changes.actions.propose_fleet import Remedy, Wish, propose_fleet
from apps.changes.actions.propose_yaml import patches_from, propose_yaml
from apps.changes.lifecycle import State
from apps.changes.models import ChangeItem, ChangeSet
from apps.changes.selectors import Box
from apps.common.errors import InvalidInputError
from apps.mesh.patches import PatchAction, field_diff
from apps.mesh.yamlwriter import to_yaml

FROM_FINDING = OpenApiExample(
    "From a finding", request_only=True, value={"finding": 17, "reason": "Replays fail without it."}
)
FROM_CELL = OpenApiExample(
    "From a cell of the matrix",
    request_only=True,
    value={"cluster": "shop-prod", "scope": "4b1f0c", "host": "sts.amazonaws.com"},
)
FROM_CELL_OF_A_SET = OpenApiExample(
    "From a cell of another host set's matrix",
    request_only=True,
    value={"cluster": "shop-prod", "hostset": "cards", "scope": "4b1f0c", "host": "api.cards.example"},
)
BY_HAND = OpenApiExample(
    "By hand",
    request_only=True,
    value={
        "cluster": "shop-prod",
        "title": "Open the payment gateway",
        "manifests": "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n…",
    },
)


FLEET = OpenApiExample(
    "On many clusters, in waves",
    request_only=True,
    value={
        "clusters": ["lab", "staging-eu", "prod-eu", "prod-us"],
        "remedy": "open-required-hosts",
        "plan": {
            "waves": [["lab"], ["staging-eu"], ["prod-eu", "prod-us"]],
            "soak_minutes": 30,
            "wait": True,
            "on_failure": "stop",
        },
    },
)


class ChangeEndpoint(Endpoint):
    """Shared by all that work on one change."""

    def change(self, pk: int) -> ChangeSet:
        """The change, if the person may see all of it."""
        found = selectors.visible(self.person, pk)
        if found is None:
            raise NotFoundError(f"There is no change CS-{pk}, or you may not see it.")
        return found

    def shown(self, change: ChangeSet, status: int = 200) -> Response:
        """The whole change; its digest is the ETag."""
        fresh = self.change(change.pk)
        detail = selectors.detail(self.person, fresh)
        headers = {"ETag": f'"{detail.revision.digest}"'} if detail.revision.digest else {}
        return Response(ChangeSerializer(detail).data, status=status, headers=headers)


class Changes(ChangeEndpoint):
    needs = {"GET": Permission.VIEW, "POST": Permission.PROPOSE}

    @extend_schema(
        operation_id="changes_list",
        parameters=[
            OpenApiParameter(
                "box", str, enum=[box.value for box in Box], description="waits: for my decision."
            ),
            OpenApiParameter("state", str, description="One state, or several with commas."),
            OpenApiParameter("cluster", str),
            OpenApiParameter("drifted", bool, description="true: only what others have changed since."),
            OpenApiParameter("q", str, description="Words in title and reason."),
        ],
        responses=listed(ChangeRowSerializer, 400),
    )
    def get(self, request: Request) -> Response:
        """The changes that you may see, newest first."""
        asked = request.query_params
        box = asked.get("box", Box.ALL.value)
        if box not in list(Box):
            raise InvalidInputError(f"box is one of {', '.join(Box)}.", field="box")
        states = [state for state in asked.get("state", "").split(",") if state]
        if unknown := [state for state in states if state not in list(State)]:
            raise InvalidInputError(f"There is no state «{unknown[0][:40]}».", field="state")
        rows: QuerySet[Any] = selectors.inbox(
            self.person,
            Box(box),
            state=",".join(states),
            cluster=asked.get("cluster", ""),
            text=asked.get("q", ""),
            drifted=asked.get("drifted", "") == "true",
        )
        return self.paged(rows, ChangeRowSerializer)

    @extend_schema(
        operation_id="changes_propose",
        request=NewChangeSerializer,
        parameters=[IDEMPOTENCY],
        responses={201: ChangeSerializer, **problems(400, 404, 409, 413, 422)},
        examples=[FROM_FINDING, FROM_CELL, FROM_CELL_OF_A_SET, BY_HAND, FLEET],
    )
    def post(self, request: Request) -> Response:
        """Proposes a change: generated for a finding, a cell of the matrix or a whole cluster, or from
        pasted YAML; or one wish for many clusters. The answer is a draft with its prediction and the
        approvals it will need."""
        data = self.checked(NewChangeSerializer)
        return once(request, self.person, lambda: self.shown(self._propose(data), 201))

    def _propose(self, data: dict[str, Any]) -> ChangeSet:
        words = {key: data[key] for key in ("title", "reason", "take_over")}
        if data.get("finding") is not None:
            finding = analysis.unresolved(self.person).filter(pk=data["finding"]).first()
            if finding is None:
                raise NotFoundError("There is no such open finding, or you may not see it.")
            return propose_fix(actor=self.person, cluster=finding.cluster, finding=finding, **words)
        if data.get("clusters"):
            return self._propose_fleet(data)
        if not data["cluster"]:
            raise InvalidInputError("Name a finding, a cluster or several.", field="cluster")
        cluster = self.cluster(data["cluster"])
        if data["manifests"]:
            return propose_yaml(actor=self.person, cluster=cluster, text=data["manifests"], **words)
        return propose_fix(
            actor=self.person,
            cluster=cluster,
            scope=data["scope"],
            host=data["host"],
            hostset=data["hostset"],
            **words,
        )

    def _propose_fleet(self, data: dict[str, Any]) -> ChangeSet:
        remedy = Remedy(data["remedy"]) if data.get("remedy") else None
        if not (remedy or data["code"] or data["manifests"]):
            raise InvalidInputError("Name a remedy, a check or manifests.", field="remedy")
        return propose_fleet(
            actor=self.person,
            clusters=[self.cluster(name) for name in dict.fromkeys(data["clusters"])],
            wish=Wish(remedy, data["code"], data["manifests"], tuple(data.get("namespaces", ()))),
            title=data["title"],
            reason=data["reason"],
            **plan_asked(data.get("plan", {})),
        )


def plan_asked(data: dict[str, Any]) -> dict[str, Any]:
    """A plan as `waves.made` takes it."""
    return {"groups" if key == "waves" else key: value for key, value in data.items()}


class ChangeOne(ChangeEndpoint):
    needs = {"GET": Permission.VIEW, "PATCH": Permission.PROPOSE}

    @extend_schema(operation_id="changes_read", responses={200: ChangeSerializer, **problems(404)})
    def get(self, request: Request, pk: int) -> Response:
        """One change with everything around it."""
        return self.shown(self.change(pk))

    @extend_schema(
        operation_id="changes_edit",
        request=EditSerializer,
        responses={200: ChangeSerializer, **problems(400, 404, 409, 413)},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """A new revision out of pasted YAML; every approval so far is void."""
        data = self.checked(EditSerializer)
        change, cluster = self.change(pk), self.cluster(data["cluster"])
        patches = patches_from(data["manifests"], cluster)
        forced = {(cluster.name, patch.ref) for patch in patches if patch.action is PatchAction.UPDATE}
        edited = edit(
            actor=self.person,
            change=change,
            patches={cluster: patches},
            title=data["title"],
            reason=data.get("reason"),
            take_over=forced if data["take_over"] else (),
        )
        return self.shown(edited)


class ChangeDiff(ChangeEndpoint):
    @extend_schema(operation_id="changes_diff", responses={200: DiffSerializer(many=True), **problems(404)})
    def get(self, request: Request, pk: int) -> Response:
        """What would differ, object by object."""
        revision = selectors.current_revision(self.change(pk))
        items = revision.items.select_related("cluster").order_by("position")
        return Response(DiffSerializer([_difference(item) for item in items], many=True).data)


class ChangeEvents(ChangeEndpoint):
    @extend_schema(
        operation_id="changes_events",
        parameters=[OpenApiParameter("after", int, description="Only events with a higher id.")],
        responses=listed(EventSerializer, 400),
    )
    def get(self, request: Request, pk: int) -> Response:
        """The timeline, oldest first. Ask again with `after` to follow an apply."""
        events = self.change(pk).events.order_by("id")
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 18:
            raise InvalidInputError("after is the id of an event.", field="after")
        return self.paged(events.filter(pk__gt=int(after)), EventSerializer)


def _difference(item: ChangeItem) -> dict[str, Any]:
    changes = field_diff(item.base or {}, item.desired or {})
    return {
        "position": item.position,
        "cluster": item.cluster.name,
        "object": f"{item.kind} {item.namespace}/{item.name}",
        "action": item.action,
        "changes": [{"path": c.path, "before": c.before, "after": c.after} for c in changes],
        "before_yaml": to_yaml(item.base) if item.base else "",
        "after_yaml": to_yaml(item.desired) if item.desired else "",
    }
