"""What the server refuses of admission policies, their bindings, and the CEL rules of definitions."""

from collections.abc import Iterator, Sequence
from typing import Any

from apps.simcluster.errors import Cause, CauseType, quoted
from apps.simcluster.expressions import CompileError, compiled
from apps.simcluster.schema import Json

ACTIONS = ("Audit", "Deny", "Warn")
REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
FAILURE_POLICIES = ("Fail", "Ignore")


def _required(path: str, why: str = "") -> Cause:
    return Cause(CauseType.REQUIRED, path, f"Required value: {why}" if why else "Required value")


def _unsupported(path: str, value: Any, allowed: Sequence[str]) -> Cause:
    shown = ", ".join(quoted(item) for item in allowed)
    return Cause(
        CauseType.NOT_SUPPORTED, path, f"Unsupported value: {quoted(value)}: supported values: {shown}"
    )


def _expression(source: Any, path: str) -> Iterator[Cause]:
    if not isinstance(source, str) or not source.strip():
        yield _required(path, "expression is not specified")
        return
    try:
        compiled(source)
    except CompileError as error:
        yield Cause(CauseType.INVALID, path, f"Invalid value: {quoted(source)}: {error}")


def named_expressions(items: Sequence[Json], path: str) -> Iterator[Cause]:
    """Causes against match conditions or variables."""
    for index, item in enumerate(items):
        if not item.get("name"):
            yield _required(f"{path}[{index}].name")
        yield from _expression(item.get("expression"), f"{path}[{index}].expression")


def policy_causes(spec: Json) -> Iterator[Cause]:
    """Causes against the spec of a policy."""
    if spec.get("failurePolicy", "Fail") not in FAILURE_POLICIES:
        yield _unsupported("spec.failurePolicy", spec["failurePolicy"], FAILURE_POLICIES)
    match = spec.get("matchConstraints")
    if not match:
        yield _required("spec.matchConstraints")
    elif not match.get("resourceRules"):
        yield _required("spec.matchConstraints.resourceRules")
    for part in ("matchConditions", "variables"):
        yield from named_expressions(spec.get(part) or (), f"spec.{part}")
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        yield _required("spec.validations", "validations or auditAnnotations must contain at least one item")
    for index, rule in enumerate(spec.get("validations") or ()):
        yield from _rule(rule, f"spec.validations[{index}]")


def _rule(rule: Json, path: str) -> Iterator[Cause]:
    yield from _expression(rule.get("expression"), f"{path}.expression")
    if rule.get("messageExpression"):
        yield from _expression(rule["messageExpression"], f"{path}.messageExpression")
    if rule.get("reason") and rule["reason"] not in REASONS:
        yield _unsupported(f"{path}.reason", rule["reason"], REASONS)


def binding_causes(spec: Json) -> Iterator[Cause]:
    """Causes against the spec of a binding."""
    if not spec.get("policyName"):
        yield _required("spec.policyName")
    reference = spec.get("paramRef")
    if reference is not None and not reference.get("parameterNotFoundAction"):
        yield _required("spec.paramRef.parameterNotFoundAction")
    if reference is not None and bool(reference.get("name")) == bool(reference.get("selector")):
        yield _required("spec.paramRef.name", "one of name or selector must be specified")
    actions = spec.get("validationActions") or []
    if not actions:
        yield _required("spec.validationActions")
    for index, action in enumerate(actions):
        if action not in ACTIONS:
            yield _unsupported(f"spec.validationActions[{index}]", action, ACTIONS)
    if "Deny" in actions and "Warn" in actions:
        why = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the "
            "API response and headers serves no purpose)"
        )
        shown = quoted(actions).replace(", ", ",")
        yield Cause(CauseType.INVALID, "spec.validationActions", f"Invalid value: {shown}: {why}")


def definition_causes(spec: Json) -> Iterator[Cause]:
    """Causes against the rules in the schemas of a custom resource definition."""
    for index, version in enumerate(spec.get("versions") or ()):
        schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        yield from _schema_rules(schema, f"spec.versions[{index}].schema.openAPIV3Schema")


def _schema_rules(schema: Any, path: str) -> Iterator[Cause]:
    if not isinstance(schema, dict):
        return
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        here = f"{path}.x-kubernetes-validations[{index}]"
        yield from _expression(rule.get("rule"), f"{here}.rule")
        if rule.get("messageExpression"):
            yield from _expression(rule["messageExpression"], f"{here}.messageExpression")
    for name, below in (schema.get("properties") or {}).items():
        yield from _schema_rules(below, f"{path}.properties[{name}]")
    for part in ("items", "additionalProperties"):
        yield from _schema_rules(schema.get(part), f"{path}.{part}")
