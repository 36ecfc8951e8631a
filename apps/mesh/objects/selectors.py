"""Label selectors as the API server evaluates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Expression:
    """One `matchExpressions` entry; `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        present = self.key in labels
        match self.operator:
            case "In":
                return present and labels[self.key] in self.values
            case "NotIn":
                return not present or labels[self.key] not in self.values
            case "Exists":
                return present
            case "DoesNotExist":
                return not present
        return False

    def __str__(self) -> str:
        values = f" ({', '.join(self.values)})" if self.values else ""
        return f"{self.key} {self.operator}{values}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Kubernetes' LabelSelector: all labels and all expressions must match; empty matches all."""

    match_labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[Expression, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return is_subset(self.match_labels, labels) and all(e.matches(labels) for e in self.expressions)

    @property
    def keys(self) -> frozenset[str]:
        """The labels that it looks at."""
        return frozenset(self.match_labels) | {expression.key for expression in self.expressions}

    @property
    def empty(self) -> bool:
        return not self.match_labels and not self.expressions


def is_subset(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Istio's workload selection: every wanted label is there with that value."""
    return all(labels.get(key) == value for key, value in wanted.items())
