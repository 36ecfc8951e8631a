"""What CEL expressions are asked about a write: by policies, and by the match conditions of webhooks.

Texts of failures are the server's. It decides nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apps.simcluster.access import Attributes
from apps.simcluster.admission_requests import admission_request
from apps.simcluster.expressions import CompileError, EvaluationError, evaluate
from apps.simcluster.schema import Json
from apps.simcluster.writes import Write

_VARIABLE = re.compile(r"\bvariables\.(\w+)")


@dataclass(frozen=True, slots=True)
class Question:
    """One write put to a policy (or to a webhook's conditions): what its expressions see."""

    write: Write
    values: Json
    declared: Mapping[str, str] = field(default_factory=dict)  # variables by name

    def value(self, source: str) -> object:
        """The value of an expression; raises `EvaluationError` in the server's words."""
        variables = {name: self._declared(name) for name in dict.fromkeys(_VARIABLE.findall(source))}
        try:
            return evaluate(source, {**self.values, "variables": variables}, self._allowed)
        except (CompileError, EvaluationError) as error:
            raise EvaluationError(f"expression '{source}' resulted in error: {error}") from error

    def _declared(self, name: str) -> object:
        if name not in self.declared:
            raise EvaluationError(f"no such key: {name}")
        try:
            return self.value(self.declared[name])
        except EvaluationError as error:
            raise EvaluationError(f'composited variable "{name}" fails to evaluate: {error}') from error

    def _allowed(self, asked: Json) -> bool:
        names = ("verb", "group", "resource", "subresource", "namespace", "name", "path")
        attributes = Attributes(**{name: str(asked.get(name, "")) for name in names})
        return self.write.cluster.access.decide(self.write.user, attributes)[0]

    def meets(self, conditions: Sequence[Json]) -> bool:
        """Whether all match conditions hold. One that does not outweighs those that cannot be evaluated;
        raises `EvaluationError` when only the latter are in the way.
        """
        failure: EvaluationError | None = None
        for condition in conditions:
            try:
                if self.value(condition["expression"]) is not True:
                    return False
            except EvaluationError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return True


def values_of(write: Write, obj: Json | None, before: Json | None, param: Json | None = None) -> Json:
    """The variables that the server offers to expressions about a write."""
    request = admission_request(write, obj, before)
    known = request.pop("object"), request.pop("oldObject")
    place = write.resource.namespaced and write.cluster.namespace(write.namespace)
    asked = {"group": write.resource.group, "resource": write.resource.plural}
    asked |= {"subresource": write.subresource, "namespace": write.namespace, "name": request["name"]}
    return {
        "object": known[0],
        "oldObject": known[1],
        "request": request,
        "params": param,
        "namespaceObject": {"apiVersion": "v1", "kind": "Namespace", **place} if place else None,
        "authorizer": {"requestResource": asked},
    }
