"""/api/v1/hosts/: the host catalogue, its editions, and what is in force."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.permissions import Permission, require
from apps.analysis import hosteditions, hostfile
from apps.analysis.hostediting import Place, add_edition, adopt, retire
from apps.analysis.hosteditions import Edition, NamedSet
from apps.analysis.hosteffects import effect
from apps.api.base import Endpoint
from apps.api.errors import NotFoundError
from apps.api.idempotency import once
from apps.api.schema import IDEMPOTENCY, listed, problems
from apps.api.serializers.hosts import (
    AdoptSerializer,
    EditionEffectSerializer,
    EditionSerializer,
    HostChangesSerializer,
    HostSetSerializer,
    NewEditionSerializer,
    RetireSerializer,
)
from apps.common.errors import InvalidInputError
from apps.mesh.hostchanges import differ
from apps.mesh.hostsets import FIRST_EDITION, HostSet

AS_YAML = OpenApiExample(
    "An edition as YAML",
    request_only=True,
    value={
        "text": 'set: speedscale\nedition: "2026-11"\nsource: a letter of the vendor\nhosts:\n'
        '  - {host: "{app_host}", tier: required}\n'
        '  - {host: "sqs.{region}.amazonaws.com", tier: required}\n',
        "reason": "The vendor told of other hosts.",
    },
)
AS_LIST = OpenApiExample(
    "Hosts of another product, to be looked at first",
    request_only=True,
    value={
        "text": "api.cards.example\nreports.cards.example:8443\n",
        "set": "cards",
        "edition": "7",
        "source": "the contract",
        "preview": True,
    },
)
FOR_PAYMENTS = OpenApiExample(
    "Needed by some namespaces of production",
    request_only=True,
    value={"reason": "They pay with it.", "environment": "production", "namespaces": ["payments", "shop-*"]},
)


class HostsEndpoint(Endpoint):
    """Shared by all that work on sets."""

    def known(self, name: str) -> NamedSet:
        """The set, for those who may see anything."""
        hosteditions.require_reader(self.person)
        found = hosteditions.set_of(name)
        if found is None:
            raise NotFoundError(f"There is no set «{name[:40]}».")
        return found

    def edition(self, name: str, number: int) -> Edition:
        found = self.known(name).get(number)
        if found is None:
            raise NotFoundError(f"There is no edition {number} of «{name[:40]}».")
        return found


class HostSets(HostsEndpoint):
    needs = {"GET": Permission.VIEW, "POST": Permission.ADMINISTER}

    @extend_schema(operation_id="hosts_list", responses=listed(HostSetSerializer))
    def get(self, request: Request) -> Response:
        """Every set with the edition in force, Speedscale's first."""
        hosteditions.require_reader(self.person)
        return self.paged(hosteditions.sets(), HostSetSerializer)

    @extend_schema(
        operation_id="hosts_add",
        request=NewEditionSerializer,
        parameters=[IDEMPOTENCY],
        responses={
            200: OpenApiResponse(HostChangesSerializer, "With `preview`: against the edition in force."),
            201: EditionSerializer,
            **problems(400, 409, 412, 422),
        },
        examples=[AS_YAML, AS_LIST],
    )
    def post(self, request: Request) -> Response:
        """Keeps an edition, which counts nowhere until it is put in force; with `preview` nothing is kept."""
        require(self.person, Permission.ADMINISTER, action="hosts.add")
        data = self.checked(NewEditionSerializer)
        given = {"name": data["set"], "edition": data["edition"], "source": data["source"]}
        typed = hostfile.read(data["text"], **given, known=_in_force(data["set"]) or FIRST_EDITION)
        if data["preview"]:
            now = _in_force(typed.name)
            return Response(HostChangesSerializer(differ(now.hosts if now else (), typed.hosts)).data)

        def work() -> Response:
            row = add_edition(actor=self.person, hostset=typed, reason=data["reason"])
            return Response(EditionSerializer(hosteditions.edition_of(row)).data, status=201)

        return once(request, self.person, work)


class HostSetOne(HostsEndpoint):
    @extend_schema(operation_id="hosts_read", responses={200: HostSetSerializer, **problems(404)})
    def get(self, request: Request, hostset: str) -> Response:
        """One set: its editions, and every act on it."""
        return Response(HostSetSerializer(self.known(hostset)).data)


class HostSetRetire(HostsEndpoint):
    needs = {"POST": Permission.ADMINISTER}

    @extend_schema(
        operation_id="hosts_retire",
        request=RetireSerializer,
        responses={200: HostSetSerializer, **problems(400, 404, 409)},
    )
    def post(self, request: Request, hostset: str) -> Response:
        """Takes a set out of use; its editions stay."""
        known = self.known(hostset)
        retire(actor=self.person, name=known.name, reason=self.checked(RetireSerializer)["reason"])
        return Response(HostSetSerializer(self.known(hostset)).data)


class HostEditionOne(HostsEndpoint):
    @extend_schema(operation_id="hosts_edition", responses={200: EditionSerializer, **problems(404)})
    def get(self, request: Request, hostset: str, number: int) -> Response:
        """One edition with its hosts."""
        return Response(EditionSerializer(self.edition(hostset, number)).data)


class HostEditionDiff(HostsEndpoint):
    @extend_schema(
        operation_id="hosts_diff",
        parameters=[OpenApiParameter("against", int, description="The one in force, if left out.")],
        responses={200: HostChangesSerializer, **problems(400, 404)},
    )
    def get(self, request: Request, hostset: str, number: int) -> Response:
        """What differs from another edition, host by host."""
        shown = self.edition(hostset, number)
        against = request.query_params.get("against", str(self.known(hostset).number))
        if not against.isdecimal() or len(against) > 9:
            raise InvalidInputError("against is the number of an edition.", field="against")
        base = self.edition(hostset, int(against)).hostset.hosts if int(against) else ()
        return Response(HostChangesSerializer(differ(base, shown.hostset.hosts)).data)


class HostEditionEffect(HostsEndpoint):
    needs = {"GET": Permission.ADMINISTER}

    @extend_schema(
        operation_id="hosts_effect",
        parameters=[OpenApiParameter("cluster", str, required=True)],
        responses={200: EditionEffectSerializer, **problems(404)},
    )
    def get(self, request: Request, hostset: str, number: int) -> Response:
        """What an edition would do to a cluster, from its last reading: new hosts, and where they are
        blocked."""
        require(self.person, Permission.ADMINISTER, action="hosts.effect")
        shown = self.edition(hostset, number)
        cluster = self.cluster(request.query_params.get("cluster", ""))
        return Response(EditionEffectSerializer(effect(cluster, shown.hostset)).data)


class HostEditionAdopt(HostsEndpoint):
    needs = {"POST": Permission.ADMINISTER}

    @extend_schema(
        operation_id="hosts_adopt",
        request=AdoptSerializer,
        responses={200: HostSetSerializer, **problems(400, 404, 409)},
        examples=[FOR_PAYMENTS],
    )
    def post(self, request: Request, hostset: str, number: int) -> Response:
        """Puts an edition in force, an older one too, and has the clusters analysed anew."""
        shown = self.edition(hostset, number)
        data: dict[str, Any] = self.checked(AdoptSerializer)
        place = Place(data["environment"], data["cluster"], tuple(data["namespaces"]))
        adopt(actor=self.person, name=shown.name, number=number, reason=data["reason"], place=place)
        return Response(HostSetSerializer(self.known(hostset)).data)


def _in_force(name: str) -> HostSet | None:
    found = hosteditions.set_of(name) if name else None
    return found.in_force.hostset if found is not None and found.in_force is not None else None
