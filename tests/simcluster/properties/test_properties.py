"""Whatever clients do to a cluster in whatever order, it stays what an API server is.

Random clients create, apply, update, patch, label and delete, and after each request the invariants of
`invariants` are checked; in the end watches from every past revision are replayed. A run is short by default;
`pytest tests/simcluster/properties --hypothesis-profile=long` tries thousands and shrinks what fails.
"""

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.simcluster.properties import documents
from tests.simcluster.properties.driving import (
    APPLY,
    CONFIG_MAP,
    JSON_PATCH,
    KINDS,
    MERGE,
    STRATEGIC,
    Answer,
    Api,
    Json,
    Kind,
)
from tests.simcluster.properties.history import History
from tests.simcluster.properties.invariants import (
    changed_objects,
    check_applied,
    check_generation,
    check_identity,
    check_moves,
    check_ownership,
    outcome,
)

DRY = st.integers(0, 4).map(lambda number: number == 0)


class Clients(RuleBasedStateMachine):
    """Several clients at one cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.api = Api()
        self.history = History(self.api)
        self.uids: set[str] = set()
        self.untracked: set[str] = set()  # uids of objects that once had no owners at all

    def send(
        self, method: str, kind: Kind, name: str, body: Any, *, dry: bool = False, at: str = "", **more: Any
    ) -> Answer:
        """Send a request and check what must hold after any; at most one object may have changed."""
        before, revision = self.api.everything(), self.api.revision
        self.api.tick()
        path = "/".join(part for part in (kind.path, name, at) if part)
        rehearsal = self.api.ask(method, path, body, **more, dryRun="All") if method != "DELETE" else None
        assert self.api.revision == revision, "a dry run writes nothing"
        if dry:
            more["dryRun"] = "All"
        answer = self.api.ask(method, path, body, **more)
        if rehearsal is not None:
            assert (rehearsal.status, outcome(rehearsal.body)) == (answer.status, outcome(answer.body))
        after = self.api.everything()
        changed = changed_objects(before, after)
        if dry or not answer.done:
            assert not changed
        assert (self.api.revision > revision) == bool(changed), (
            "a revision for each effective write, no other"
        )
        assert len(changed) <= 1
        applying = more.get("media") == APPLY
        manager = more.get("fieldManager") or more.get("agent", "admin")
        writer = (manager, "Apply" if applying else "Update", at)
        for old, new in changed.values():
            self._check(kind, old, new, writer if method != "DELETE" else None)
            if new is not None and method != "DELETE":
                assert answer.body == new, "the answer is the object as it is stored"
        if applying and answer.done and not dry and (kind.name, name) in after:
            node = self.api.resource(kind).schema
            check_applied(body, after[kind.name, name], node, writer)
        self.history.record()
        return answer

    def _check(
        self, kind: Kind, old: Json | None, new: Json | None, writer: tuple[str, str, str] | None
    ) -> None:
        if new is None:
            return
        node = self.api.resource(kind).schema
        assert int(new["metadata"]["resourceVersion"]) == self.api.revision
        uid = new["metadata"]["uid"]
        if "managedFields" not in new["metadata"]:
            self.untracked.add(uid)
        defaulted = (not kind.custom and kind is not CONFIG_MAP) or uid in self.untracked
        check_ownership(new, node, defaulted=defaulted)
        if old is None:
            assert uid not in self.uids
            self.uids.add(uid)
            assert new["metadata"].get("generation", 1) == 1
            return
        check_identity(old, new)
        check_generation(old, new)
        if writer is not None:
            check_moves(old, new, node, writer)

    @rule(kind=documents.KIND, name=documents.NAMES, agent=documents.MANAGERS, data=st.data(), dry=DRY)
    def create(self, kind: Kind, name: str, agent: str, data: st.DataObject, dry: bool) -> None:
        self.send("POST", kind, "", data.draw(documents.objects(kind, name)), agent=agent, dry=dry)

    @rule(
        kind=documents.KIND,
        name=documents.NAMES,
        manager=documents.MANAGERS,
        force=st.booleans(),
        data=st.data(),
        dry=DRY,
    )
    def apply(self, kind: Kind, name: str, manager: str, force: bool, data: st.DataObject, dry: bool) -> None:
        body = data.draw(documents.fragments(kind, name))
        more: dict[str, Any] = {"media": APPLY, "fieldManager": manager, "dry": dry}
        first = self.send("PATCH", kind, name, body, force=str(force).lower(), **more)
        if first.done and (kind.name, name) in self.api.everything() and not dry:
            second = self.send("PATCH", kind, name, body, force=str(force).lower(), **more)
            assert second.body == first.body, "the same applied again changes nothing"

    def _existing(self, data: st.DataObject) -> tuple[Kind, Json]:
        found = self.api.everything()
        kind_name, name = data.draw(st.sampled_from(sorted(found)))
        return next(kind for kind in KINDS if kind.name == kind_name), found[kind_name, name]

    def _some(self) -> bool:
        return bool(self.api.everything())

    @precondition(_some)
    @rule(agent=documents.MANAGERS, data=st.data(), stale=st.booleans(), dry=DRY)
    def update(self, agent: str, data: st.DataObject, stale: bool, dry: bool) -> None:
        kind, live = self._existing(data)
        name = live["metadata"]["name"]
        body = data.draw(documents.objects(kind, name))
        version = live["metadata"]["resourceVersion"]
        body["metadata"]["resourceVersion"] = str(int(version) - 1) if stale else version
        answer = self.send("PUT", kind, name, body, agent=agent, dry=dry)
        assert not stale or answer.status == 409

    @precondition(_some)
    @rule(agent=documents.MANAGERS, data=st.data(), dry=DRY)
    def put_back_what_was_read(self, agent: str, data: st.DataObject, dry: bool) -> None:
        kind, live = self._existing(data)
        revision = self.api.revision
        assert self.send("PUT", kind, live["metadata"]["name"], live, agent=agent, dry=dry).done
        assert self.api.revision == revision, "nothing changed, nothing written"

    @precondition(_some)
    @rule(agent=documents.MANAGERS, data=st.data(), dry=DRY)
    def merge(self, agent: str, data: st.DataObject, dry: bool) -> None:
        kind, live = self._existing(data)
        body = data.draw(documents.merges(kind))
        media = MERGE if kind.custom or data.draw(st.booleans()) else STRATEGIC
        self.send("PATCH", kind, live["metadata"]["name"], body, media=media, agent=agent, dry=dry)

    @precondition(_some)
    @rule(agent=documents.MANAGERS, data=st.data(), dry=DRY)
    def json_patch(self, agent: str, data: st.DataObject, dry: bool) -> None:
        kind, live = self._existing(data)
        body = data.draw(documents.operations(kind))
        self.send("PATCH", kind, live["metadata"]["name"], body, media=JSON_PATCH, agent=agent, dry=dry)

    @precondition(_some)
    @rule(labels=documents.LABELS, notes=documents.NOTES, data=st.data(), dry=DRY)
    def label(self, labels: Json, notes: Json, data: st.DataObject, dry: bool) -> None:
        kind, live = self._existing(data)
        body = {"metadata": {"labels": labels, "annotations": notes}}
        self.send("PATCH", kind, live["metadata"]["name"], body, media=MERGE, agent="kubectl-label", dry=dry)

    @precondition(_some)
    @rule(status=documents.STATUSES, put=st.booleans(), data=st.data(), dry=DRY)
    def write_status(self, status: Json, put: bool, data: st.DataObject, dry: bool) -> None:
        kind, live = self._existing(data)
        if kind is CONFIG_MAP:
            return
        name, generation = live["metadata"]["name"], live["metadata"].get("generation")
        more: dict[str, Any] = {"at": "status", "agent": "istiod", "dry": dry}
        if put:
            answer = self.send("PUT", kind, name, {**live, "status": status}, **more)
        else:
            body = {"status": status, "spec": {"replicas": 9}}
            answer = self.send("PATCH", kind, name, body, media=MERGE, **more)
        if answer.done:
            assert answer.body.get("spec") == live.get("spec")
            assert answer.body["metadata"].get("generation") == generation

    @precondition(_some)
    @rule(status=documents.STATUSES, manager=documents.MANAGERS, force=st.booleans(), data=st.data(), dry=DRY)
    def apply_status(self, status: Json, manager: str, force: bool, data: st.DataObject, dry: bool) -> None:
        kind, live = self._existing(data)
        if kind is CONFIG_MAP:
            return
        name = live["metadata"]["name"]
        head = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name}}
        more: dict[str, Any] = {"media": APPLY, "at": "status", "fieldManager": manager, "dry": dry}
        answer = self.send("PATCH", kind, name, {**head, "status": status}, force=str(force).lower(), **more)
        assert not answer.done or answer.body.get("spec") == live.get("spec")

    @precondition(_some)
    @rule(data=st.data(), selected=st.booleans())
    def delete_a_collection(self, data: st.DataObject, selected: bool) -> None:
        kind, _ = self._existing(data)
        labels = documents.SELECTED if selected else ""
        before, chosen = self.api.everything(), self.api.objects(kind, labelSelector=labels)
        assert self.api.ask("DELETE", kind.path, labelSelector=labels).done
        after = self.api.everything()
        keys = {(kind.name, item["metadata"]["name"]) for item in chosen}
        assert {key: obj for key, obj in before.items() if key not in keys} == {
            key: obj for key, obj in after.items() if key not in keys
        }
        for key in keys:
            assert (key in after) == bool(before[key]["metadata"].get("finalizers"))
            if key in after:
                assert after[key]["metadata"]["deletionTimestamp"]
                check_generation(before[key], after[key])
        self.history.record()

    @precondition(_some)
    @rule(data=st.data(), dry=DRY, how=st.sampled_from(["plain", "uid", "version", "wrong"]))
    def delete(self, data: st.DataObject, dry: bool, how: str) -> None:
        kind, live = self._existing(data)
        meta = live["metadata"]
        conditions = {
            "plain": {},
            "uid": {"uid": meta["uid"]},
            "version": {"resourceVersion": meta["resourceVersion"]},
            "wrong": {"uid": "another"},
        }[how]
        body: Json = {"preconditions": conditions}
        if dry:
            body["dryRun"] = ["All"]
        before = self.api.everything()
        answer = self.send("DELETE", kind, meta["name"], body)
        assert answer.status == (409 if how == "wrong" else 200)
        there = self.api.ask("GET", f"{kind.path}/{meta['name']}")
        if dry or how == "wrong":
            assert self.api.everything() == before
        elif meta.get("finalizers"):
            assert there.body["metadata"]["deletionTimestamp"]
        else:
            assert there.status == 404

    @precondition(_some)
    @rule(data=st.data(), size=st.integers(1, 3), labels=st.sampled_from(["", documents.SELECTED]))
    def page_while_others_write(self, data: st.DataObject, size: int, labels: str) -> None:
        kind, _ = self._existing(data)
        whole = self.api.objects(kind, labelSelector=labels)
        found: list[Json] = []
        query = {"limit": str(size), "labelSelector": labels}
        page = self.api.ask("GET", kind.path, **query).body
        found += page["items"]
        revision = page["metadata"]["resourceVersion"]
        while page["metadata"].get("continue"):
            self.label({"tier": "api"}, {"note": "x"}, data, False)
            page = self.api.ask("GET", kind.path, **query, **{"continue": page["metadata"]["continue"]}).body
            assert page["metadata"]["resourceVersion"] == revision
            found += page["items"]
        assert [item["metadata"] for item in found] == [item["metadata"] for item in whole]

    def teardown(self) -> None:
        self.history.check()


_LONG = settings.get_current_profile_name() == "long"
TestClients = Clients.TestCase
TestClients.settings = settings(
    max_examples=3000 if _LONG else 25,
    stateful_step_count=60 if _LONG else 25,
    deadline=None,
    phases=[phase for phase in Phase if _LONG or phase is not Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
