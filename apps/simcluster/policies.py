"""ValidatingAdmissionPolicies: what the policies bound in a cluster say to a write.

Rules are CEL. A failed one denies or warns, as its binding says; auditing leaves no trace, for there is no
audit log. Texts are the server's. It stores nothing and calls nobody.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apps.simcluster.admission_requests import (
    namespace_holds,
    object_holds,
    operation,
    rule_holds,
)
from apps.simcluster.errors import ApiError, quoted
from apps.simcluster.expressions import EvaluationError
from apps.simcluster.kinds import BINDINGS, GROUP_ADMISSION, POLICIES, group_version
from apps.simcluster.questions import Question, values_of
from apps.simcluster.schema import Json
from apps.simcluster.selectors import label_selector_holds
from apps.simcluster.writes import Write

STATUSES = {"Invalid": 422, "Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413}
MAX_MESSAGE_BYTES = 5 * 1024


class _ConfigurationError(Exception):
    """The policy cannot be put to this write; its failure policy says what that means."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """A rule that does not hold, or cannot be evaluated."""

    message: str
    reason: str = "Invalid"


def judge(write: Write, obj: Json | None, before: Json | None) -> tuple[str, ...]:
    """Warnings of the policies that want to see a write; raises the first denial."""
    if write.resource.group == GROUP_ADMISSION:
        return ()  # a policy must not lock its own registration
    warnings: list[str] = []
    denial: ApiError | None = None
    for policy, binding in _bound(write, obj, before):
        shown = (policy["metadata"]["name"], binding["metadata"]["name"])
        actions = binding["spec"].get("validationActions") or ()
        for failure in _failures(write, policy, binding, obj, before):
            if "Warn" in actions:
                text = "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}"
                warnings.append(text.format(*shown, failure.message))
            if "Deny" in actions and denial is None:
                denial = _denied(write, obj or before or {}, shown, failure)
    if denial is not None:
        raise denial
    return tuple(warnings)


def _denied(write: Write, obj: Json, shown: tuple[str, str], failure: _Failure) -> ApiError:
    name = write.name or obj.get("metadata", {}).get("name", "")
    target = write.resource.target(name)
    text = "ValidatingAdmissionPolicy '{}' with binding '{}' denied request: {}"
    why = text.format(*shown, failure.message)
    details = {**target.details(), "causes": [{"message": why}]}
    message = f"{target.qualified_resource} {quoted(name)} is forbidden: {why}"
    return ApiError(STATUSES.get(failure.reason, 422), failure.reason, message, details=details)


def _bound(write: Write, obj: Json | None, before: Json | None) -> Iterator[tuple[Json, Json]]:
    """Policies with each of their bindings, where both select the write."""
    bindings = [stored.object() for stored in write.cluster.store.each(BINDINGS)]
    if not bindings:
        return
    for stored in write.cluster.store.each(POLICIES):
        policy = stored.object()
        if not _selects(policy["spec"].get("matchConstraints"), write, obj, before):
            continue
        for binding in bindings:
            spec = binding.get("spec") or {}
            if spec.get("policyName") != stored.name:
                continue
            if _selects(spec.get("matchResources"), write, obj, before):
                yield policy, binding


def _selects(match: Json | None, write: Write, obj: Json | None, before: Json | None) -> bool:
    """Whether a MatchResources selects a write; none selects everything."""
    if match is None:
        return True
    done = operation(obj, before)

    def any_holds(name: str) -> bool:
        return any(
            _named_rule_holds(rule, write, obj or before or {}, done) for rule in match.get(name) or ()
        )

    if match.get("resourceRules") and not any_holds("resourceRules"):
        return False
    if any_holds("excludeResourceRules"):
        return False
    return namespace_holds(match, write, obj) and object_holds(match, obj, before)


def _named_rule_holds(rule: Json, write: Write, obj: Json, done: str) -> bool:
    names = rule.get("resourceNames") or ()
    name = write.name or obj.get("metadata", {}).get("name", "")
    return rule_holds(rule, write, done) and (not names or name in names)


def _failures(
    write: Write, policy: Json, binding: Json, obj: Json | None, before: Json | None
) -> Iterator[_Failure]:
    """What fails of a policy under a binding: its rules once for each parameter."""
    forgiving = policy["spec"].get("failurePolicy") == "Ignore"
    try:
        params = _params(write, policy, binding)
    except _ConfigurationError as error:
        if not forgiving:
            yield _Failure(f"failed to configure binding: {error}")
        return
    declared = {item["name"]: item["expression"] for item in policy["spec"].get("variables") or ()}
    for param in params:
        question = Question(write, values_of(write, obj, before, param), declared)
        yield from _failed_rules(question, policy["spec"], forgiving=forgiving)


def _failed_rules(question: Question, spec: Json, *, forgiving: bool) -> Iterator[_Failure]:
    try:
        if not question.meets(spec.get("matchConditions") or ()):
            return
    except EvaluationError as error:
        if not forgiving:
            yield _Failure(str(error))
        return
    for rule in spec.get("validations") or ():
        try:
            holds = question.value(rule["expression"]) is True
        except EvaluationError as error:
            if not forgiving:
                yield _Failure(str(error))
            continue
        if not holds:
            yield _Failure(_message(question, rule), rule.get("reason") or "Invalid")


def _message(question: Question, rule: Mapping[str, str]) -> str:
    """The message of a rule that does not hold: computed, stated, or the rule itself."""
    if rule.get("messageExpression"):
        try:
            said = question.value(rule["messageExpression"])
        except EvaluationError:
            said = None
        text = said.strip() if isinstance(said, str) else ""
        if text and "\n" not in text and len(text.encode()) <= MAX_MESSAGE_BYTES:
            return text
    return rule.get("message", "").strip() or f"failed expression: {rule['expression'].strip()}"


def _params(write: Write, policy: Json, binding: Json) -> list[Json | None]:
    """The parameters of a binding, or a single none; raises `_ConfigurationError`."""
    kind, reference = policy["spec"].get("paramKind"), binding["spec"].get("paramRef")
    if not kind or not reference:
        return [None]
    group, version = group_version(kind.get("apiVersion", ""))
    resource = write.cluster.by_kind(group, kind.get("kind", ""))
    if resource is None or version not in resource.versions:
        shown = f"{kind.get('apiVersion')}, Kind={kind.get('kind')}"
        raise _ConfigurationError(f"paramKind kind `{shown}` not known")
    namespace = ""
    if resource.namespaced:
        namespace = reference.get("namespace") or write.namespace
        if not namespace:
            raise _ConfigurationError(
                "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
            )
    elif reference.get("namespace"):
        why = "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
        raise _ConfigurationError(why)
    found: list[Json | None] = [
        {"apiVersion": kind["apiVersion"], "kind": kind["kind"], **stored.object()}
        for stored in write.cluster.store.each(resource.key)
        if stored.namespace == namespace
        and (stored.name == reference["name"] if reference.get("name") else _chosen(reference, stored.labels))
    ]
    if not found and reference.get("parameterNotFoundAction") == "Deny":
        raise _ConfigurationError("no params found for policy binding with `Deny` parameterNotFoundAction")
    return found


def _chosen(reference: Json, labels: Mapping[str, str]) -> bool:
    return label_selector_holds(reference.get("selector") or {}, labels)
