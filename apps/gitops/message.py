"""The message of a commit: what changes, who asked for and approved it, and trailers for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from apps.gitops.exported import Exported, line

SUBJECT_LIMIT = 100
BODY_LIMIT = 4000
UNAPPROVED = "[not approved] "


def commit_message(exported: Exported, *, pushed_by: str, notes: Sequence[str]) -> str:
    """What people write is quoted, so that none of it can be read as a trailer."""
    mark = "" if exported.approved else UNAPPROVED
    paragraphs = [
        f"{mark}{line(f'{exported.number}: {exported.title}')}"[:SUBJECT_LIMIT],
        *(
            ["\n".join(f"> {line(text)}" for text in exported.reason[:BODY_LIMIT].splitlines())]
            if exported.reason
            else []
        ),
        f"{exported.standing}.\n{exported.link}",
        *(["\n".join(f"- {line(note)}" for note in notes)] if notes else []),
        "\n".join(_trailers(exported, pushed_by)),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _trailers(exported: Exported, pushed_by: str) -> list[str]:
    return [
        f"Meshconsole-Change: {exported.number}",
        f"Meshconsole-Revision: {exported.revision}",
        f"Meshconsole-Digest: {f'sha256:{exported.digest}' if exported.digest else 'none'}",
        f"Meshconsole-Approved: {'yes' if exported.approved else 'no'}",
        f"Meshconsole-Link: {exported.link}",
        *(f"Approved-by: {line(name)}" for name in exported.approvers),
        f"Pushed-by: {line(pushed_by)}",
    ]
