"""The answer to "what would REGISTRY_ONLY break?" as plain JSON: one shape for the API and the command."""

from __future__ import annotations

from typing import Any

from apps.analysis.registryonly import Answer
from apps.mesh.breakage import Cell, Outcome, ScopeBreakage, lost_services
from apps.mesh.openfirst import OpenFirst
from apps.mesh.patches import stripped, to_yaml_documents


def head_json(answer: Answer) -> dict[str, Any]:
    """What is switched, what that writes, and how many hosts have each outcome."""
    found = answer.found
    return {
        "plane": found.choice.plane,
        "namespace": found.choice.namespace,
        "writes": [{"action": p.action.value, "ref": str(p.ref)} for p in found.switch.patches],
        "notes": list(found.switch.notes),
        "asked": answer.asked.value,
        "counts": {outcome.value: found.count(outcome) for outcome in Outcome},
    }


def first_json(first: OpenFirst) -> dict[str, Any]:
    """What to open before the switch; `manifests` is the YAML that a change can be proposed with."""
    return {
        "opens": [_place(row, cell) for row, cell in first.opens],
        "left": [{**_place(row, cell), "reason": why} for row, cell, why in first.left],
        "others": first.others,
        "summary": first.summary,
        "reason": first.reason,
        "warnings": list(first.warnings),
        "manifests": to_yaml_documents(stripped(patch.after or {}) for patch in first.patches),
    }


def scope_json(
    answer: Answer, row: ScopeBreakage, outcomes: frozenset[Outcome] = frozenset(Outcome)
) -> dict[str, Any]:
    """One scope with those of its hosts that have one of the outcomes."""
    lost = lost_services(answer.found, row, among=answer.seen)
    return {
        "key": row.scope.key,
        "namespace": row.scope.namespace,
        "label": row.scope.label,
        "workloads": len(row.scope.workloads),
        "switched": row.switched,
        "reason": row.reason,
        "hosts": [_cell(cell) for cell in row.cells if cell.outcome in outcomes],
        "hosts_left_out": row.left_out,
        "lost_services": lost.number,
        "lost_service_examples": list(lost.examples),
    }


def _place(row: ScopeBreakage, cell: Cell) -> dict[str, Any]:
    asked = cell.host.destination
    scope = {"scope": row.scope.key, "namespace": row.scope.namespace, "label": row.scope.label}
    return {**scope, "host": asked.host, "port": asked.port, "protocol": asked.protocol.value}


def _cell(cell: Cell) -> dict[str, Any]:
    asked = cell.host.destination
    return {
        "host": asked.host,
        "port": asked.port,
        "protocol": asked.protocol.value,
        "named_by": [str(ref) for ref in cell.host.named_by],
        "outcome": cell.outcome.value,
        "before": cell.before.verdict.value,
        "after": cell.after.verdict.value,
        "by": str(cell.after.service) if cell.after.service is not None else "",
        "sentence": cell.sentence,
        "fix": cell.after.fix.text if cell.after.fix is not None else "",
        "unknowns": list(cell.after.unknowns),
    }
