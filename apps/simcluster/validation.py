"""Does an object fit its schema and its kind's rules? Answers with the causes of a 422.

Schema first; rules (`Check`) run only when nothing fundamental is wrong, and then a last cause says so, as
the
real server does. Knows no store and no HTTP.
"""

import re
from collections.abc import Iterator
from typing import Any

from apps.simcluster.errors import Cause, CauseType, quoted
from apps.simcluster.expressions import CompileError, EvaluationError, evaluate, mentions
from apps.simcluster.schema import ANY, Check, Json, Node, Shape

MAX_NAME = 253
MAX_LABEL = 63
MAX_ANNOTATIONS = 262_144
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
DNS_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
    "start and "
    "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
    "regex used for "
    "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
LABEL_NAME_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
NOT_CHECKED = Cause(
    CauseType.INVALID,
    "<nil>",
    "Invalid value: null: some validation rules were not checked because the object was invalid; correct the "
    "existing errors to complete validation",
)
_BLOCKING = {
    CauseType.REQUIRED,
    CauseType.TOO_LONG,
    CauseType.TOO_MANY,
    CauseType.NOT_SUPPORTED,
    CauseType.TYPE,
}


def invalid_value(path: str, value: Any, why: str) -> Cause:
    return Cause(CauseType.INVALID, path, f"Invalid value: {quoted(value)}: {why}")


def required(path: str, why: str = "") -> Cause:
    return Cause(CauseType.REQUIRED, path, f"Required value: {why}" if why else "Required value")


def metadata_causes(meta: Json, *, name_is_label: bool = False) -> Iterator[Cause]:
    """Name, labels and annotations."""
    name = meta.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif len(name) > MAX_NAME:
        yield invalid_value("metadata.name", name, f"must be no more than {MAX_NAME} characters")
    else:
        pattern, rule = (_DNS_LABEL, DNS_LABEL_RULE) if name_is_label else (_SUBDOMAIN, SUBDOMAIN_RULE)
        if not pattern.fullmatch(name):
            yield invalid_value("metadata.name", name, rule)
    yield from label_causes(meta.get("labels") or {}, "metadata.labels")
    size = sum(
        len(key.encode()) + len(str(value).encode()) for key, value in (meta.get("annotations") or {}).items()
    )
    if size > MAX_ANNOTATIONS:
        yield Cause(
            CauseType.TOO_LONG,
            "metadata.annotations",
            f"Too long: may not be more than {MAX_ANNOTATIONS} bytes",
        )


def label_causes(labels: Json, path: str) -> Iterator[Cause]:
    for key, value in labels.items():
        if not _LABEL_NAME.fullmatch(key.rpartition("/")[2]):
            yield invalid_value(path, key, LABEL_NAME_RULE)
        if len(str(value)) > MAX_LABEL:
            yield invalid_value(path, value, f"must be no more than {MAX_LABEL} bytes")
        elif not _LABEL_VALUE.fullmatch(str(value)):
            yield invalid_value(path, value, LABEL_VALUE_RULE)


def custom_causes(value: Json, node: Node, before: Json | None = None) -> list[Cause]:
    """All causes against a custom resource: metadata, schema, then rules (those on changes need `before`)."""
    causes = list(metadata_causes(value.get("metadata") or {}))
    body = {name: member for name, member in value.items() if name not in ("apiVersion", "kind", "metadata")}
    causes += schema_causes(body, node, "")
    if any(cause.reason in _BLOCKING for cause in causes):
        return [*causes, NOT_CHECKED]
    return causes + list(rule_causes(body, node, "", before))


def schema_causes(value: Any, node: Node, path: str) -> Iterator[Cause]:
    """Types, required fields, enums and limits, in field order."""
    if (found := _wrong_type(value, node)) is not None:
        text = f'Invalid value: "{found}": {path} in body must be of type {_word(node)}: "{found}"'
        yield Cause(CauseType.TYPE, path, text)
        if isinstance(value, float) and node.shape is Shape.INTEGER:
            checked = f'Invalid value: "": Checked value must be of type integer (default format) in {path}'
            yield Cause(CauseType.INVALID, "<nil>", checked)
        return
    yield from _limits(value, node, path)
    if isinstance(value, dict):
        for name in node.required:
            if name not in value:
                yield required(f"{path}.{name}" if path else name)
        for name in sorted(value):
            below = node.child(name)
            if below is not None:
                yield from schema_causes(value[name], below, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        yield from _items(value, node, path)


def _items(value: list[Any], node: Node, path: str) -> Iterator[Cause]:
    seen: list[Any] = []
    for index, item in enumerate(value):
        here = f"{path}[{index}]"
        yield from schema_causes(item, node.item or ANY, here)
        if not node.leaf_list and isinstance(item, dict):
            keys = {key: item[key] for key in node.keys if key in item}
            if keys in seen and len(keys) == len(node.keys):
                shown = quoted(keys).replace('": ', '":').replace(", ", ",")
                yield Cause(CauseType.DUPLICATE, here, f"Duplicate value: {shown}")
            seen.append(keys)


def _word(node: Node) -> str:
    return {Shape.LIST: "array", Shape.MAP: "object"}.get(node.shape, node.shape.value)


def _wrong_type(value: Any, node: Node) -> str | None:
    if node.shape is Shape.ANY:
        return None
    found = _json_type(value)
    fitting = {
        Shape.INT_OR_STRING: ("integer", "string"),
        Shape.NUMBER: ("number", "integer"),
        Shape.LIST: ("array",),
        Shape.MAP: ("object",),
    }.get(node.shape, (node.shape.value,))
    return None if found in fitting else found


def _json_type(value: Any) -> str:
    for kind, word in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
    ):
        if isinstance(value, kind):
            return word
    return "object" if isinstance(value, dict) else "null"


def _text_limits(value: str, node: Node, path: str) -> Iterator[Cause]:
    if node.max_length is not None and len(value) > node.max_length:
        yield Cause(CauseType.TOO_LONG, path, f"Too long: may not be more than {node.max_length} bytes")
    if node.min_length is not None and len(value) < node.min_length:
        yield invalid_value(path, value, f"{path} in body should be at least {node.min_length} chars long")
    if node.pattern and _mismatched(value, node.pattern):
        yield invalid_value(path, value, f"{path} in body should match '{node.pattern}'")


def _mismatched(value: str, pattern: str) -> bool:
    """Whether a value does not match; a pattern only Go understands is not checked."""
    try:
        return re.search(pattern, value) is None
    except re.error:
        return False


def _limits(value: Any, node: Node, path: str) -> Iterator[Cause]:
    if node.enum and value not in node.enum:
        allowed = ", ".join(quoted(item) for item in node.enum)
        text = f"Unsupported value: {quoted(value)}: supported values: {allowed}"
        yield Cause(CauseType.NOT_SUPPORTED, path, text)
    if isinstance(value, str):
        yield from _text_limits(value, node, path)
    if isinstance(value, dict) and node.max_properties is not None and len(value) > node.max_properties:
        text = f"Too many: {len(value)}: must have at most {node.max_properties} items"
        yield Cause(CauseType.TOO_MANY, path, text)
    if isinstance(value, list):
        if node.max_items is not None and len(value) > node.max_items:
            text = f"Too many: {len(value)}: must have at most {node.max_items} items"
            yield Cause(CauseType.TOO_MANY, path, text)
        if node.min_items is not None and len(value) < node.min_items:
            why = f"{path} in body should have at least {node.min_items} items"
            yield invalid_value(path, len(value), why)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if node.minimum is not None and value < node.minimum:
            yield invalid_value(
                path, value, f"{path} in body should be greater than or equal to {node.minimum}"
            )
        if node.maximum is not None and value > node.maximum:
            yield invalid_value(path, value, f"{path} in body should be less than or equal to {node.maximum}")


_REASONS = {
    "FieldValueRequired": (CauseType.REQUIRED, "Required value"),
    "FieldValueForbidden": (CauseType.FORBIDDEN, "Forbidden"),
    "FieldValueDuplicate": (CauseType.DUPLICATE, "Duplicate value"),
}


def rule_causes(value: Any, node: Node, path: str, before: Any = None) -> Iterator[Cause]:
    """What the kind's rules say, outermost first. Rules on `oldSelf` hold where there was no old value."""
    for check in node.checks:
        cause = _broken(check, value, path, before)
        if cause is not None:
            yield cause
    if isinstance(value, dict):
        old = before if isinstance(before, dict) else {}
        for name in sorted(value):
            below = node.child(name)
            if below is not None:
                here = f"{path}[{name}]" if node.shape is Shape.MAP else (f"{path}.{name}" if path else name)
                yield from rule_causes(value[name], below, here, old.get(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            old_item = _same_element(item, node, before)
            yield from rule_causes(item, node.item or ANY, f"{path}[{index}]", old_item)


def _same_element(item: Any, node: Node, before: Any) -> Any:
    """The element of the old list that an element replaces; only keyed lists tell."""
    if not node.keyed or not isinstance(before, list) or not isinstance(item, dict):
        return None
    keys = [item.get(key) for key in node.keys]
    olds = (old for old in before if isinstance(old, dict))
    return next((old for old in olds if [old.get(key) for key in node.keys] == keys), None)


def _broken(check: Check, value: Any, path: str, before: Any) -> Cause | None:
    """The cause against a value that breaks a rule."""
    variables = {"self": value, "oldSelf": before}
    try:
        if (before is None and mentions(check.rule, "oldSelf")) or evaluate(check.rule, variables) is True:
            return None
    except (CompileError, EvaluationError) as error:
        text = f'Invalid value: "{_json_type(value)}": {error} evaluating rule: {check.said}'
        return Cause(CauseType.INVALID, path, text)
    message, where = _message(check, variables), f"{path}{check.field_path}".lstrip(".")
    if check.reason in _REASONS:
        reason, words = _REASONS[check.reason]
        return Cause(reason, where, f"{words}: {message}")
    shown = f"{quoted(value)}: " if not isinstance(value, (dict, list)) else ""
    return Cause(CauseType.INVALID, where, f"Invalid value: {shown}{message}")


def _message(check: Check, variables: Json) -> str:
    if check.message_expression:
        try:
            said = evaluate(check.message_expression, variables)
        except (CompileError, EvaluationError):
            said = None
        if isinstance(said, str) and said.strip() and "\n" not in said:
            return said.strip()
    return check.said
