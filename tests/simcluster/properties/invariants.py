"""What must hold after one request: revisions, generations, identity, and ownership of fields."""

from apps.simcluster.schema import Node
from tests.simcluster.properties.driving import Json
from tests.simcluster.properties.fields import Owner, fields_of, owned, stated

# Paths that may be owned though `fields_of` does not have them. Maps and sets that the server drops when they
# are empty: an apply that takes out the last member leaves the map to whoever owns it, and the map goes
# afterwards. And the marks of deletion, which belong to whoever is made the owner of an untracked object.
_OF_METADATA = ("labels", "annotations", "finalizers", "deletionTimestamp", "deletionGracePeriodSeconds")
EXCUSED = {("f:data",), *(("f:metadata", f"f:{name}") for name in _OF_METADATA)}
UNKNOWN = ("before-first-apply", "Update", "")
State = dict[tuple[str, str], Json]


def changed_objects(before: State, after: State) -> dict[tuple[str, str], tuple[Json | None, Json | None]]:
    """Objects that differ, as (before, after)."""
    keys = {**before, **after}
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def check_identity(before: Json, after: Json) -> None:
    """One life: same uid and time of birth, a newer revision."""
    old, new = before["metadata"], after["metadata"]
    assert new["uid"] == old["uid"]
    assert new["creationTimestamp"] == old["creationTimestamp"]
    assert int(new["resourceVersion"]) > int(old["resourceVersion"])


def check_generation(before: Json, after: Json) -> None:
    """Rises by one with the spec (of a Deployment with its annotations too) and with the mark of deletion."""
    old, new = before["metadata"], after["metadata"]
    if "generation" not in old:
        assert "generation" not in new
        return
    moved = before.get("spec") != after.get("spec")
    if after["kind"] == "Deployment":
        moved = moved or old.get("annotations") != new.get("annotations")
    marked = "deletionTimestamp" in new and "deletionTimestamp" not in old
    assert new["generation"] - old["generation"] == int(moved or marked)


def check_ownership(obj: Json, node: Node, *, defaulted: bool) -> None:
    """Every owned path exists; without defaults of the server's own, every field is owned.

    A list or map whose last member was taken out stays empty, and nobody has to own it.
    """
    present = fields_of(obj, node)
    owners = owned(obj)
    if not owners:
        return  # an object of a name alone has no owners, and updates do not begin to record any
    for owner, paths in owners.items():
        missing = paths - set(present) - EXCUSED
        assert not missing, (owner, missing)
    if not defaulted:
        leaves = {path for path, (value, leaf) in present.items() if leaf and value not in ([], {})}
        assert leaves <= set().union(*owners.values()), leaves - set().union(*owners.values())


def check_moves(before: Json, after: Json, node: Node, writer: Owner) -> None:
    """Others lose what was changed or taken out and gain nothing; the writer gains what it changed."""
    old, new = fields_of(before, node), fields_of(after, node)
    gone = (set(old) - set(new)) | EXCUSED
    differ = {
        path for path in set(old) & set(new) if old[path][1] and new[path][1] and old[path][0] != new[path][0]
    }
    had, have = owned(before), owned(after)
    if not had and writer[1] == "Update":
        assert not have
        return
    if not had:  # what is there belongs to nobody known, until somebody applies
        had = {UNKNOWN: have.get(UNKNOWN, set())}
    for owner, paths in had.items():
        if owner != writer:
            left = have.get(owner, set()) - EXCUSED
            assert left == paths - gone - differ, (owner, gone, differ)
    assert set(have) <= {*had, writer}
    if writer[1] == "Update":
        new_leaves = {path for path in set(new) - set(old) if new[path][1] and path}
        own = have.get(writer, set())
        assert own >= differ | new_leaves
        assert own <= had.get(writer, set()) | differ | (set(new) - set(old))


def check_applied(config: Json, after: Json, node: Node, writer: Owner) -> None:
    """Whoever applies owns what it stated, no more and no less, and it is there."""
    found, expected = owned(after).get(writer, set()), stated(config, node)
    assert found == expected, (found - expected, expected - found)
    present = fields_of(after, node)
    for path, (value, leaf) in fields_of(config, node).items():
        if leaf and path and path in present and present[path][1]:
            assert present[path][0] == value, path


def outcome(answer: Json) -> Json:
    """An answer without what differs between a rehearsal and the deed: the uid of a new object, revisions."""
    if answer["kind"] == "Status":
        return answer
    meta = {
        name: value for name, value in answer["metadata"].items() if name not in ("uid", "resourceVersion")
    }
    return {**answer, "metadata": meta}
