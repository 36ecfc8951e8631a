"""What every list said at every revision, and that the server can still tell: exact lists and watches."""

from tests.simcluster.properties.documents import SELECTED
from tests.simcluster.properties.driving import KINDS, NAMESPACE, Api, Json, Kind

LAST = "zz-last"
_SPECS: dict[str, Json] = {
    "ServiceEntry": {"spec": {"hosts": ["last.example.com"]}},
    "Service": {"spec": {"ports": [{"port": 80}]}},
    "Deployment": {
        "spec": {
            "selector": {"matchLabels": {"app": "last"}},
            "template": {
                "metadata": {"labels": {"app": "last"}},
                "spec": {"containers": [{"name": "app", "image": "shop:1"}]},
            },
        }
    },
}
Listed = dict[str, Json]
_SELECTORS = ("", SELECTED)


class History:
    """Lists by kind, selector and revision, as clients saw them at the time."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.lists: dict[tuple[str, str], dict[int, Listed]] = {}
        self.record()

    def record(self) -> None:
        """Remember all lists; a revision that was seen before must say the same again."""
        for kind in KINDS:
            for selector in _SELECTORS:
                listed = _by_name(self.api.objects(kind, labelSelector=selector))
                seen = self.lists.setdefault((kind.name, selector), {})
                assert seen.setdefault(self.api.revision, listed) == listed

    def check(self) -> None:
        """Add a last object of each kind, then read all of history again."""
        for kind in KINDS:
            self._add_last(kind)
        for kind in KINDS:
            for selector in _SELECTORS:
                past = self.lists[kind.name, selector]
                for revision, listed in past.items():
                    query = {"resourceVersion": str(revision), "resourceVersionMatch": "Exact"}
                    assert _by_name(self.api.objects(kind, labelSelector=selector, **query)) == listed
                for revision in sorted(past)[:: max(1, len(past) // 4)]:
                    self._replay(kind, selector, revision)

    def _add_last(self, kind: Kind) -> None:
        meta = {"name": LAST, "namespace": NAMESPACE, "labels": {"team": "web"}}
        obj = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": meta,
            **_SPECS.get(kind.name, {}),
        }
        answer = self.api.ask("POST", kind.path, obj)
        assert answer.done, answer.body

    def _replay(self, kind: Kind, selector: str, start: int) -> None:
        """A watch laid over the list at its revision gives each later list, and in the end today's."""
        past = self.lists[kind.name, selector]
        state = dict(past[start])
        position = start
        for event in self.api.watched(kind, start, selector, LAST):
            obj, revision = event["object"], int(event["object"]["metadata"]["resourceVersion"])
            for known in sorted(past):
                if position <= known < revision:
                    assert state == past[known]
            assert revision > position, "events come in order"
            position = revision
            name = obj["metadata"]["name"]
            assert (name in state) == (event["type"] != "ADDED")
            if event["type"] == "DELETED":
                del state[name]
            else:
                state[name] = obj
        assert state == _by_name(self.api.objects(kind, labelSelector=selector))


def _by_name(items: list[Json]) -> Listed:
    return {item["metadata"]["name"]: item for item in items}
