"""Which hosts are blocked for how many egress scopes, in one sentence, out of prepared figures.

Reads `ClusterSummary.figures` and asks nobody; why a host is blocked is told beside the matrix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Figures = Mapping[str, Any]


def sentence(known: Figures) -> str:
    """Hosts and scopes without a full stop; "" when nothing is blocked. Scopes that reach no host at all
    are told apart, so that they do not hide what is wrong elsewhere."""
    if not known.get("blocked_hosts"):
        return ""
    if "closed_scopes" not in known:
        return (
            f"{known['blocked_hosts']} of {known.get('required_hosts', 0)} Speedscale hosts are blocked "
            f"for at least one of {_scopes(known.get('blocked_scopes', 0))}"
        )
    some, all_of_them = _some(_by_host(known)), _closed(known)
    if some and all_of_them:
        return f"{some}; all {known['required_hosts']} hosts for {all_of_them}"
    return some or f"all {known['required_hosts']} required hosts are blocked for {all_of_them}"


def short(known: Figures) -> str:
    """The same for a cell of a table; "" when nothing is blocked."""
    if not known.get("blocked_hosts"):
        return ""
    hosts, closed = len(_by_host(known)), known.get("closed_scopes", 0)
    if not closed:
        return f"{known['blocked_hosts']} blocked"
    scopes = f"{closed} scope{'s' * (closed != 1)}"
    return f"{hosts} blocked, all for {scopes}" if hosts else f"All blocked for {scopes}"


def most_often(all_figures: Iterable[Figures]) -> str:
    """The host that is blocked for the most scopes of several clusters; "" where no host stands out."""
    counts: Counter[str] = Counter()
    for known in all_figures:
        counts.update(_by_host(known))
    ranked = counts.most_common(2)
    tie = len(ranked) == 2 and ranked[0][1] == ranked[1][1]
    return ranked[0][0] if ranked and not tie else ""


def _by_host(known: Figures) -> dict[str, int]:
    found = known.get("blocked_by_host")
    return dict(found) if isinstance(found, Mapping) else {}


def _some(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    (host, most), others = ranked[0], ranked[1:]
    if others and others[-1][1] == most:
        rest = others[0][0] if len(others) == 1 else f"{len(others)} other hosts"
        return f"{host} and {rest} are blocked for {_scopes(most)} each"
    text = f"{host} is blocked for {_scopes(most)}"
    if len(others) == 1:
        return f"{text}, {others[0][0]} for {others[0][1]}"
    if others:
        same = others[0][1] == others[-1][1]
        return f"{text}, {len(others)} other hosts for {'' if same else 'up to '}{others[0][1]} each"
    return text


def _closed(known: Figures) -> str:
    closed, by_sidecar = known["closed_scopes"], known.get("closed_by_sidecar", 0)
    if not closed:
        return ""
    text = f"{closed} more" if _by_host(known) else _scopes(closed)
    if by_sidecar == closed:
        return f"{text} (by {'its Sidecar' if closed == 1 else 'their Sidecars'})"
    return f"{text} ({by_sidecar} of them by Sidecars)" if by_sidecar else text


def _scopes(count: int) -> str:
    return f"{count} egress scope{'s' * (count != 1)}"
