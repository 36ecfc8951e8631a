"""A revision of a change as it leaves the console: plain values, without the console's own marks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.mesh.refs import ResourceRef

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """One object on one cluster. `base` is how it was read (None for a create), `desired` the whole object
    as it shall be, `intent` what server-side apply sends (both None for a delete). `force`: the take-over
    of fields is part of what was proposed. `uid` and `resource_version` are those of `base`."""

    cluster: str
    environment: str
    action: str  # create, update or delete
    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    base: Manifest | None
    desired: Manifest | None
    intent: Manifest | None
    force: bool

    @property
    def ref(self) -> ResourceRef:
        return ResourceRef(self.kind, self.namespace, self.name)

    @property
    def resource_type(self) -> str:
        """The kind as kubectl takes it: `ServiceEntry.v1.networking.istio.io`, or `Namespace`."""
        group, _, version = self.api_version.rpartition("/")
        return f"{self.kind}.{version}.{group}" if group else self.kind


@dataclass(frozen=True, slots=True)
class Exported:
    """`number` is CS-7; `digest` is "" until the dry run fixed it; `state` in words; `approved` says that
    exactly this digest was approved and still is; `link` leads to the change's page."""

    change_id: int
    number: str
    title: str
    reason: str
    revision: int
    digest: str
    state: str
    approved: bool
    approvers: tuple[str, ...]
    link: str
    items: tuple[ExportedItem, ...]

    @property
    def name(self) -> str:
        """How its files and its branch are called: `cs-7-r1`."""
        return f"cs-{self.change_id}-r{self.revision}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return tuple(sorted({item.cluster for item in self.items}))

    def on(self, cluster: str) -> tuple[ExportedItem, ...]:
        """The items of one cluster, in the order of writing."""
        return tuple(item for item in self.items if item.cluster == cluster)

    @property
    def standing(self) -> str:
        """Whether it is approved, in one line."""
        if not self.approved:
            return f"NOT APPROVED ({self.state})"
        return f"Approved by {', '.join(self.approvers)}" if self.approvers else "Approved beforehand"

    @property
    def fixed(self) -> str:
        """The digest in words."""
        return f"sha256:{self.digest}" if self.digest else "none yet: the dry run has not passed"

    def heading(self) -> tuple[str, ...]:
        """What every file of the export says of itself; each is one line."""
        return (
            line(f"{self.number}, revision {self.revision}: {self.title}"),
            line(self.standing),
            f"Digest {self.fixed}",
            self.link,
        )


def line(text: str) -> str:
    """A text as one printable line, so that nothing in it can end a comment."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def comment(lines: tuple[str, ...]) -> str:
    """The lines as comments of YAML or a shell."""
    return "".join(f"# {text}\n" for text in lines)
