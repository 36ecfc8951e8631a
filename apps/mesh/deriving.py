"""What is computed from a snapshot, each value once, with a record of what it was read from; and what of it
outlives a patch (see `derived`).

Knows nothing of what a cluster holds.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from apps.mesh.contents import Contents, place_of
from apps.mesh.derived import Change, Computed, Derived, EachNamespace, Parts, Reads
from apps.mesh.refs import ResourceRef
from apps.mesh.toplevel import WORKLOAD_INPUTS

T = TypeVar("T")
P = ParamSpec("P")


class Deriving:
    """Contents, with what was computed from them so far. What is read through it is noted in `reads` and
    `sink`, if there are; what is read of one namespace alone while something is worked out for it
    (`place`) is noted so."""

    __slots__ = ("__weakref__", "_computed", "_contents", "_place", "_reads", "_sink")

    def __init__(
        self,
        contents: Contents,
        computed: Computed | None = None,
        reads: Reads | None = None,
        sink: set[str] | None = None,
    ) -> None:
        self._contents = contents
        self._computed = computed or Computed()
        self._reads = reads
        self._sink = sink
        self._place: str | None = None

    def aside(self) -> Self:
        """The same snapshot, through which nothing counts as read: for what a value does not rest on."""
        return type(self)(self._contents, self._computed, sink=self._sink)

    def derived(self, compute: Callable[Concatenate[Self, P], T], *args: P.args, **none: P.kwargs) -> T:
        """`compute(self, *args)`, computed once a snapshot, and kept by patched ones as long as no kind
        that it read has changed. `compute` must be pure and a plain function, whose value is data, or a
        class. Only a class that declares in `INPUTS` every kind it can read may keep hold of the
        snapshot and still be kept; one with `after(old, change, snapshot)` may take over what it can."""
        found = self._derived((compute, *args))
        if self._reads is None:
            value: T = found.value
            return value
        self._reads.use(found)
        noting: T = self._reads.lens(found)
        return noting

    def parts(self, compute: EachNamespace[P, T], *args: P.args, **none: P.kwargs) -> Parts[T]:
        """What `compute` finds for each namespace by itself, by namespace. One in which there is nothing that
        it reads may be absent."""
        found = self._derived((compute, *args))
        if self._reads is not None:
            self._reads.use(found)
        parts: Parts[T] = found.value
        return parts

    def part(
        self,
        compute: EachNamespace[P, T],
        namespace: str,
        *args: P.args,
        **none: P.kwargs,
    ) -> T:
        """What `compute` finds for one namespace."""
        found = self._derived((compute, *args))
        if self._reads is not None and namespace == self._place:
            self._reads.use_part(found)
        elif self._reads is not None:
            self._reads.use(found)
        part: T = (
            found.value[namespace] if namespace in found.value else compute(self, namespace, *args, **none)
        )
        return part

    def _derived(self, key: tuple[Any, ...]) -> Derived:
        found = self._computed.values.get(key)
        if found is None:
            found = self._computed.values[key] = self._unhinged(key) or self._compute(key)
        return found

    def _unhinged(self, key: tuple[Any, ...]) -> Derived | None:
        """The last value, where all that it used came out as it was: asked for in the same order, as far as
        that is so, since a function that has met nothing new asks for the same. Of what each namespace has,
        the parts of those that a change reached are made anew."""
        last, change = self._computed.hinging.pop(key, None) or (None, None)
        if last is None or change is None:
            return None
        aside, used = self.aside(), []
        for other in last.reads.used.values():
            used.append(aside._derived(other.key))
            if not last.unmoved_by(other, used[-1]):
                return None
        parts = [aside._derived(other.key) for other in last.reads.parts.values()]
        reads = last.reads.again(used, parts)
        stale = set(change.namespaces(last.reads.local))
        for other, now in zip(last.reads.parts.values(), parts, strict=True):
            stale |= now.value.unlike(other.value)
        if not stale:
            return Derived(key, last.value, reads, last.holds, last.plain)
        return self._made(key, reads, last.value, stale)

    def _compute(self, key: tuple[Any, ...]) -> Derived:
        """The value from the beginning, or made from the last one by its class; where a function's comes out
        equal to the last, it stays the same object."""
        last, change = self._computed.outdated.pop(key, None) or (None, None)
        if last is None or change is None:
            return self._made(key, Reads(key[0]))
        return self._made(key, Reads(key[0]), last.value, change=change, before=last)

    def _made(
        self,
        key: tuple[Any, ...],
        reads: Reads,
        old: Any = None,
        stale: set[str] | None = None,
        change: Change | None = None,
        before: Derived | None = None,
    ) -> Derived:
        compute, *args = key
        view = type(self)(self._contents, self._computed, reads, self._sink)
        if isinstance(compute, EachNamespace):
            value: Any = view._each(compute, args, old, stale)
        elif before is not None and hasattr(compute, "after"):
            value = compute.after(old, change, view, *args)
            if value is old:  # it still rests on what it was read from
                reads.kinds |= before.inputs()
        else:
            value = compute(view, *args)
            if before is not None and before.plain and not before.holds and value == old:
                value = old
        kept = weakref.ref(view)
        del view  # what nobody else holds is gone now, so nothing can be read through it any more
        return Derived(key, value, reads, kept() is not None, not isinstance(compute, type))

    def _each(
        self,
        compute: EachNamespace[Any, Any],
        args: list[Any],
        old: Parts[Any] | None,
        stale: set[str] | None,
    ) -> Parts[Any]:
        """The parts of all namespaces, or the old ones with those of some made anew."""
        places = self._contents.places
        old = Parts() if old is None else old
        made: Parts[Any] = Parts()
        new = places.keys() - old.keys()
        for self._place in places if stale is None else new | (stale & places.keys()):
            part = compute(self, self._place, *args)
            if self._place in new or (old[self._place] is not part and old[self._place] != part):
                made[self._place] = part
        self._place = None
        if old.keys() == places.keys():
            return Parts({**old, **made}) if made else old
        return Parts({name: made[name] if name in made else old[name] for name in places})

    def _note_of(self, ref: ResourceRef) -> None:
        self._note_in(ref.kind, place_of(ref))

    def _note_in(self, kind: str, namespace: str) -> None:
        """A kind was read in one namespace alone."""
        self._note(kind, local=self._place is not None and namespace == self._place)

    def _note(self, kind: str, *, local: bool = False) -> None:
        if self._reads is None and self._sink is None:
            return
        kind = "Workload" if kind in WORKLOAD_INPUTS else kind
        if self._reads is not None and local:
            self._reads.local.add(kind)
        elif self._reads is not None:
            self._reads.note(kind)
        if self._sink is not None:
            self._sink.add(kind)
