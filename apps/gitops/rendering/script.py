"""A POSIX shell script that brings a revision to its clusters with kubectl, guarded as the console's writes.

Every apply carries the uid and the resourceVersion that the change rests on ("0" for what must not exist
yet), so that the API server itself refuses when the object moved. `kubectl delete` has no such guard: it is
looked at right before. Everything is tried as a server-side dry run first; nothing is forced unless an
approved take-over says so. Nothing from outside stands in the script but quoted, or in a here-document whose
end no text can hold.
"""

from __future__ import annotations

import hashlib
import shlex
from typing import Any

from apps.changes.intents import FIELD_MANAGER
from apps.gitops.exported import Exported, ExportedItem, comment, line
from apps.mesh.yamlwriter import to_yaml

FUNCTIONS = f"""
# unmoved CONTEXT TYPE NAMESPACE NAME EXPECTED: stops when the object is not the one this was made for
unmoved() {{
  now=$(kubectl --context "$1" get "$2" "$4" ${{3:+"--namespace=$3"}} --ignore-not-found \\
    -o 'jsonpath={{.metadata.uid}} {{.metadata.resourceVersion}}')
  [ "$now" = "$5" ] || {{
    echo "$2 ${{3:+$3/}}$4 has moved: expected «$5», found «$now». Export the change anew." >&2
    exit 4
  }}
}}

# applied CONTEXT FLAG…: server-side apply of what comes in
applied() {{
  context=$1
  shift
  kubectl --context "$context" apply --server-side --field-manager={FIELD_MANAGER} "$@" -f -
}}
"""
END = """
if [ "$only_try" = yes ]; then
  echo 'The dry run passed. Nothing was written.'
  exit 0
fi

"""


def script(exported: Exported) -> str:
    """The whole script. Its arguments are `CLUSTER=CONTEXT` for each cluster, and flags."""
    numbered = list(enumerate(exported.items, start=1))
    return "".join(
        (
            "#!/bin/sh\n",
            comment(exported.heading()),
            "set -eu\n\n",
            _arguments(exported),
            _guard(exported),
            FUNCTIONS,
            *(_object(number, item) for number, item in numbered),
            "\n# All of it as a dry run first: nothing is written unless everything would be accepted.\n",
            *(_step(exported, number, item, dry=True) for number, item in numbered),
            END,
            *(_step(exported, number, item, dry=False) for number, item in numbered),
            f"echo {shlex.quote(f'{exported.number} is written.')}\n",
        )
    )


def _arguments(exported: Exported) -> str:
    known = list(enumerate(exported.clusters, start=1))
    flags = "[--dry-run]" if exported.approved else "[--dry-run] [--not-approved]"
    wanted = " ".join(f"{cluster}=CONTEXT" for _, cluster in known)
    usage = shlex.quote(f"Usage: sh {exported.name}.sh {flags} {wanted}")
    contexts = "".join(f"context_{number}=\n" for number, _ in known)
    cases = "".join(
        f"    {shlex.quote(cluster)}=?*) context_{number}=${{argument#*=}} ;;\n" for number, cluster in known
    )
    checks = "".join(f'[ -n "$context_{number}" ] || usage\n' for number, _ in known)
    return (
        f"usage() {{\n  echo {usage} >&2\n  exit 2\n}}\n\n"
        f"only_try=no\nnot_approved=no\n{contexts}"
        'for argument in "$@"; do\n  case "$argument" in\n'
        "    --dry-run) only_try=yes ;;\n    --not-approved) not_approved=yes ;;\n"
        f"{cases}    *) usage ;;\n  esac\ndone\n{checks}"
    )


def _guard(exported: Exported) -> str:
    if exported.approved:
        return ""
    said = shlex.quote(
        line(
            f"{exported.number} revision {exported.revision}: {exported.standing}. "
            "To write it all the same, say --not-approved."
        )
    )
    return f'\nif [ "$only_try" = no ] && [ "$not_approved" = no ]; then\n  echo {said} >&2\n  exit 3\nfi\n'


def _object(number: int, item: ExportedItem) -> str:
    """A function that prints what is applied; nothing for a delete."""
    if item.intent is None:
        return ""
    text = to_yaml(_guarded(item))
    end = f"END_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    while end in text:
        end += "_"
    return f"\nobject_{number}() {{\n  cat <<'{end}'\n{text}{end}\n}}\n"


def _guarded(item: ExportedItem) -> dict[str, Any]:
    intent = dict(item.intent or {})
    if item.base is None:
        guard = {"resourceVersion": "0"}
    else:
        known = {"uid": item.uid, "resourceVersion": item.resource_version}
        guard = {key: value for key, value in known.items() if value}
    return {**intent, "metadata": {**intent["metadata"], **guard}}


def _step(exported: Exported, number: int, item: ExportedItem, *, dry: bool) -> str:
    context = f'"$context_{exported.clusters.index(item.cluster) + 1}"'
    flags = ["--dry-run=server"] if dry else []
    if item.intent is not None:
        if item.force and exported.approved:
            flags.append("--force-conflicts")
        check = _unmoved(context, item) if dry else ""
        return f"{check}object_{number} | {' '.join(['applied', context, *flags])}\n"
    place = [f"--namespace={shlex.quote(item.namespace)}"] if item.namespace else []
    words = [shlex.quote(item.resource_type), shlex.quote(item.name), *place, *flags]
    return f"{_unmoved(context, item)}kubectl --context {context} delete {' '.join(words)}\n"


def _unmoved(context: str, item: ExportedItem) -> str:
    """The look at an object, where it is known which one the change rests on."""
    if item.base is not None and not (item.uid and item.resource_version):
        return ""
    expected = f"{item.uid} {item.resource_version}" if item.base is not None else ""
    words = (item.resource_type, item.namespace, item.name, expected)
    return f"unmoved {context} {' '.join(shlex.quote(word) for word in words)}\n"
