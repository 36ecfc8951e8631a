"""How a simulated cluster behaves: whether its controllers run, and how fast its pods are.

Knows the `behaviour:` words of a scenario; must not know controllers.
"""

from dataclasses import dataclass

from apps.simcluster.shapes.fields import Fields

LONGEST = 3600.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`workloads`: controllers run at all. A pod needs `pod_start` seconds to run and `pod_stop` to end."""

    workloads: bool = False
    pod_start: float = 0.5
    pod_stop: float = 1.0


def read_behaviour(fields: Fields) -> Behaviour:
    """The `behaviour:` section of a scenario, where controllers run unless it says otherwise."""
    usual = Behaviour()
    found = Behaviour(
        workloads=fields.flag("workloads", True),
        pod_start=_seconds(fields, "pod_start", usual.pod_start),
        pod_stop=_seconds(fields, "pod_stop", usual.pod_stop),
    )
    fields.done()
    return found


def _seconds(fields: Fields, name: str, default: float) -> float:
    value = fields.raw(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LONGEST:
        raise fields.error(name, f"must be a number of seconds from 0 to {LONGEST:.0f}.")
    return float(value)
