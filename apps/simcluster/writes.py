"""Where a write goes and what must hold before it: place, namespace, resource version.

Shared by creating, replacing and patching. It writes nothing.
"""

from dataclasses import dataclass

from apps.simcluster.access import NOBODY, User
from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import (
    ApiError,
    Cause,
    CauseType,
    Target,
    bad_request,
    internal,
    invalid,
    modified,
    not_found,
    quoted,
)
from apps.simcluster.kinds import Resource
from apps.simcluster.options import WriteOptions
from apps.simcluster.ownership import Manager, Operation
from apps.simcluster.schema import Json


@dataclass(frozen=True, slots=True)
class Write:
    """Where a write goes and how."""

    cluster: Cluster
    resource: Resource
    version: str
    namespace: str
    name: str
    options: WriteOptions
    subresource: str = ""
    user: User = NOBODY

    @property
    def target(self) -> Target:
        return self.resource.target(self.name)

    @property
    def api_version(self) -> str:
        return self.resource.api_version(self.version)

    @property
    def reset(self) -> tuple[str, ...]:
        """Top-level fields this endpoint does not write and does not own."""
        if self.subresource == "status":
            return ("spec", "metadata")
        return ("status",) if self.resource.has_status else ()

    def manager(self, operation: Operation) -> Manager:
        return Manager(self.options.manager, operation, self.api_version, self.subresource)


@dataclass(frozen=True, slots=True)
class Written:
    """The object after a write (without type), and warnings."""

    obj: Json
    warnings: tuple[str, ...] = ()
    created: bool = False


def check_place(write: Write, obj: Json) -> None:
    """Name and namespace of the body against the URL; sets them where the body leaves them out."""
    meta = obj.setdefault("metadata", {})
    if write.namespace and meta.setdefault("namespace", write.namespace) != write.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not write.resource.namespaced:
        meta.pop("namespace", None)
    if write.name and meta.setdefault("name", write.name) != write.name:
        found = meta["name"]
        raise bad_request(
            f"the name of the object ({found}) does not match the name on the URL ({write.name})"
        )


def require_namespace(write: Write, name: str) -> None:
    """404 for a namespace that does not exist, 403 for one that is being deleted."""
    if not write.resource.namespaced:
        return
    found = write.cluster.namespace(write.namespace)
    if found is None:
        raise not_found(Target("", "namespaces", "Namespace", write.namespace))
    if "deletionTimestamp" in found["metadata"]:
        target = write.resource.target(name)
        why = f"unable to create new content in namespace {write.namespace} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {write.namespace} is being terminated",
            "field": "metadata.namespace",
        }
        text = f'{target.qualified_resource} "{name}" is forbidden: {why}'
        raise ApiError(403, "Forbidden", text, details={**target.details(), "causes": [cause]})


def check_version(write: Write, before: Json, after: Json) -> None:
    """Optimistic concurrency; custom resources need a resourceVersion, built-in kinds may leave it out."""
    asked = str(after["metadata"].get("resourceVersion") or "0")
    if not asked.isdigit():
        raise internal(f"strconv.ParseUint: parsing {quoted(asked)}: invalid syntax")
    if int(asked) == 0:
        if write.resource.unconditional:
            return
        why = "Invalid value: 0: must be specified for an update"
        cause = Cause(CauseType.INVALID, "metadata.resourceVersion", why)
        raise invalid(write.target, [cause], subject=write.target.qualified_resource)
    if asked != before["metadata"]["resourceVersion"]:
        raise modified(write.target)
