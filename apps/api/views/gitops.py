"""/api/v1/changes/{id}/export/ and pushes of a change, and /api/v1/repositories/."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission, require
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, listed, problems
from apps.api.serializers.gitops import (
    PushInput,
    PushSerializer,
    RepositoryChange,
    RepositoryInput,
    RepositorySerializer,
    RepositoryTestSerializer,
)
from apps.api.views.changes import ChangeEndpoint
from apps.common.errors import InvalidInputError, PermissionDeniedError
from apps.gitops import actions, selectors
from apps.gitops.downloads import Form, download
from apps.gitops.models import Repository

CHANGEABLE = ("name", "url", "branch", "path_template", "layout", "known_hosts")
SSH = OpenApiExample(
    "Over SSH",
    request_only=True,
    value={
        "name": "mesh-config",
        "url": "ssh://git@git.example.com/platform/mesh-config.git",
        "branch": "main",
        "path_template": "clusters/{cluster}/{namespace}/{kind}-{name}.yaml",
        "layout": "kustomize",
        "known_hosts": "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA…",
        "private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\n…\n-----END OPENSSH PRIVATE KEY-----\n",
    },
)
PUSH = OpenApiExample("Push", request_only=True, value={"repository": "mesh-config"})
YAML = "# CS-7, revision 1: Open the token service\n# NOT APPROVED (Draft)\n…\n---\napiVersion: …\n"


class ChangeExport(ChangeEndpoint):
    @extend_schema(
        operation_id="changes_export",
        parameters=[
            OpenApiParameter("as", str, enum=[form.value for form in Form], description="yaml by default"),
            OpenApiParameter("cluster", str, description="YAML of this cluster alone."),
        ],
        responses={
            (200, "application/yaml"): OpenApiResponse(str, "`yaml` and `whole`, for one cluster."),
            (200, "application/zip"): OpenApiResponse(bytes, "`kustomize`, and YAML of several clusters."),
            (200, "text/x-shellscript"): OpenApiResponse(str, "`kubectl`."),
            **problems(400, 404),
        },
        examples=[OpenApiExample("YAML", value=YAML, response_only=True, media_type="application/yaml")],
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The change's current revision as a file: `yaml` is what server-side apply sends, `whole` the whole
        objects, `kustomize` a zip with a component for each cluster, `kubectl` a script. Each says whether
        it is approved."""
        asked = request.query_params
        form, cluster = asked.get("as", Form.YAML.value), asked.get("cluster", "")
        made = download(self.change(pk), form, cluster=cluster)
        headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
        return HttpResponse(made.body, content_type=made.media_type, headers=headers)


class ChangePush(ChangeEndpoint):
    needs = {"POST": Permission.EXECUTE}

    @extend_schema(
        operation_id="changes_push",
        request=PushInput,
        responses={202: PushSerializer, **problems(400, 404, 409)},
        examples=[PUSH],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Has the revision pushed to a branch of its own, `meshconsole/cs-7-r1`. Follow it under `pushes`;
        asked again it is the same push, or another try of one that ended."""
        change = self.change(pk)
        name = self.checked(PushInput)["repository"]
        repository = selectors.repositories().filter(name=name).first()
        if repository is None or not selectors.may_know(self.person):
            raise InvalidInputError("There is no such repository.", field="repository")
        push = actions.request_push(actor=self.person, change=change, repository=repository)
        return Response(PushSerializer(push).data, status=202)


class ChangePushes(ChangeEndpoint):
    @extend_schema(operation_id="changes_pushes_list", responses=listed(PushSerializer))
    def get(self, request: Request, pk: int) -> Response:
        """What was pushed of the change, newest first."""
        return self.paged(selectors.pushes(self.change(pk)), PushSerializer)


class RepositoryEndpoint(Endpoint):
    """Kept by administrators of the console; known to those who may push."""

    needs = {
        "GET": (Permission.EXECUTE, Permission.ADMINISTER),
        **dict.fromkeys(("POST", "PATCH", "DELETE"), Permission.ADMINISTER),
    }

    def repository(self, pk: int) -> Repository:
        """The repository, once the person may know that there is one."""
        self.may_know()
        found = selectors.repositories().filter(pk=pk).first()
        if found is None:
            raise NotFoundError("There is no such repository.")
        return found

    def may_know(self) -> None:
        """Raises PermissionDeniedError."""
        if not selectors.may_know(self.person):
            raise PermissionDeniedError("Your roles do not let you push or administer anywhere.")


class Repositories(RepositoryEndpoint):
    @extend_schema(operation_id="repositories_list", responses=listed(RepositorySerializer))
    def get(self, request: Request) -> Response:
        """The repositories by name. Their private keys are not shown."""
        self.may_know()
        return self.paged(selectors.repositories(), RepositorySerializer)

    @extend_schema(
        operation_id="repositories_make",
        parameters=[IDEMPOTENCY],
        request=RepositoryInput,
        responses={201: RepositorySerializer, **problems(400, 409, 422)},
        examples=[SSH],
    )
    def post(self, request: Request) -> Response:
        """Keeps a repository. The private key is encrypted and never comes back."""
        require(self.person, Permission.ADMINISTER, action="repository.make")

        def work() -> Response:
            made = actions.make_repository(actor=self.person, **self.checked(RepositoryInput))
            return Response(RepositorySerializer(made).data, status=201)

        return once(request, self.person, work)


class RepositoryOne(RepositoryEndpoint):
    @extend_schema(operation_id="repositories_read", responses={200: RepositorySerializer, **problems(404)})
    def get(self, request: Request, pk: int) -> Response:
        """One repository."""
        return Response(RepositorySerializer(self.repository(pk)).data)

    @extend_schema(
        operation_id="repositories_edit",
        request=RepositoryChange,
        responses={200: RepositorySerializer, **problems(400, 404)},
        examples=[OpenApiExample("Another branch", request_only=True, value={"branch": "release"})],
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Changes what is named; the private key stays unless it is given."""
        require(self.person, Permission.ADMINISTER, action="repository.edit")
        found = self.repository(pk)
        kept = {name: getattr(found, name) for name in CHANGEABLE}
        row = actions.edit_repository(
            actor=self.person, repository=found, **{**kept, **self.checked(RepositoryChange)}
        )
        return Response(RepositorySerializer(row).data)

    @extend_schema(operation_id="repositories_remove", responses={204: None, **problems(404)})
    def delete(self, request: Request, pk: int) -> Response:
        """Forgets a repository and its key. What was pushed stays known."""
        require(self.person, Permission.ADMINISTER, action="repository.remove")
        actions.remove_repository(actor=self.person, repository=self.repository(pk))
        return Response(status=204)


class RepositoryTest(RepositoryEndpoint):
    @extend_schema(
        operation_id="repositories_test",
        request=None,
        responses={200: RepositoryTestSerializer, **problems(404)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Asks the repository for its branches now. Nothing is written."""
        require(self.person, Permission.ADMINISTER, action="repository.test")
        problem = actions.test_repository(actor=self.person, repository=self.repository(pk))
        return Response({"answers": not problem, "problem": problem})
