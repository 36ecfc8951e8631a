"""Which mutating webhooks are called a second time because a later one changed the object.

The bookkeeping of kube-apiserver's webhookReinvokeContext: a change makes every webhook called before it that
said `IfNeeded` due again; there is one second round, in which nobody is called for the first time.
"""

from dataclasses import dataclass, field

from apps.simcluster.schema import Json


@dataclass(slots=True)
class Reinvocations:
    """Of one write. Webhooks go by a key that names one registration."""

    second_round: bool = False
    _called: set[str] = field(default_factory=set)
    _due: set[str] = field(default_factory=set)

    @property
    def needed(self) -> bool:
        return bool(self._due)

    def skips(self, key: str) -> bool:
        """Whether a matching webhook is not to be called in this round."""
        return self.second_round and key not in self._due

    def called(self, key: str, webhook: Json, *, changed: bool) -> None:
        """Note a call and whether the object looks different after it."""
        if changed:
            self._due |= self._called
            self._called.clear()
        if webhook.get("reinvocationPolicy") == "IfNeeded":
            self._called.add(key)
