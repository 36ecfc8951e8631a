"""Chains of evidence for the page: steps with links, and the outcome in its tone. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.common import badges
from apps.console.links import object_url
from apps.mesh.refs import ResourceRef

END_TONES = {"ok": "ok", "warn": "warn", "bad": "bad", "alt": "warn", "off": "off"}


@dataclass(frozen=True, slots=True)
class Link:
    """One step as it is shown; `last` is the outcome, in a tinted box."""

    title: str
    text: str
    ref: str = ""
    url: str = ""
    path: str = ""
    last: bool = False
    tone: str = ""
    icon: str = ""


def chain(cluster: str, steps: Sequence[Mapping[str, Any]], *, verdict: str = "") -> list[Link]:
    """Steps as `apps.mesh.verdicts.Step` in plain JSON. With a verdict the last one is its outcome."""
    links = []
    for at, step in enumerate(steps):
        ref = reference(step.get("ref"))
        last = bool(verdict) and at == len(steps) - 1
        badge = badges.of(badges.VERDICTS, verdict)
        links.append(
            Link(
                title=str(step.get("title", "")),
                text=str(step.get("text", "")),
                ref=str(ref) if ref else "",
                url=object_url(cluster, ref),
                path=str(step.get("path", "")),
                last=last,
                tone=END_TONES.get(badge.tone, "") if last else "",
                icon=badge.icon if last else "",
            )
        )
    return links


def reference(value: object) -> ResourceRef | None:
    """A ref that was stored as JSON: a mapping, or `Kind namespace/name`."""
    if isinstance(value, Mapping):
        parts = (str(value.get(key) or "") for key in ("kind", "namespace", "name"))
        found = ResourceRef(*parts)
        return found if found.kind and found.name else None
    if isinstance(value, str) and value:
        try:
            return ResourceRef.parse(value)
        except ValueError:
            return None
    return None


def as_text(question: str, badge: badges.Badge, steps: Sequence[Link]) -> str:
    """The whole explanation as text for a ticket; `badge` is that of the verdict."""
    lines = [question, badge.word, ""]
    for at, step in enumerate(steps, 1):
        rests = f" [{step.ref}{' ' + step.path if step.path else ''}]" if step.ref else ""
        lines.append(f"{at}. {step.title}. {step.text}{rests}")
    return "\n".join(lines)
