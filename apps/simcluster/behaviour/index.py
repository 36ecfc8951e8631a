"""A cluster's objects by resource and namespace, kept up with the store's changes, as informers do.

Spares each controller the walk over all objects. It decodes nothing and writes nothing.
"""

from collections.abc import Iterable

from apps.simcluster.store import Event, Expired, Store, Stored

Changes = list[tuple[str, Event]]


class Index:
    """What is known as of the last `refresh`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables: dict[str, dict[str, dict[str, Stored]]] = {}
        self.revision = store.revision

    def refresh(self, keys: Iterable[str]) -> Changes | None:
        """Changes of these resources since the last time; None when the history does not reach back."""
        found: Changes = []
        with self._store.lock:
            try:
                for key in keys:
                    found += [(key, event) for event in self._store.since(key, self.revision)]
                    if key not in self._tables:
                        self._load(key)
            except Expired:
                self._tables.clear()
                self.revision = self._store.revision
                return None
            self.revision = self._store.revision
        found.sort(key=lambda change: change[1].revision)
        for key, event in found:
            self._follow(key, event)
        return found

    def get(self, key: str, namespace: str, name: str) -> Stored | None:
        return self._table(key).get(namespace, {}).get(name)

    def of(self, key: str, namespace: str = "") -> list[Stored]:
        """The objects of a resource in a namespace, or in all."""
        table = self._table(key)
        if namespace:
            return list(table.get(namespace, {}).values())
        return [item for items in table.values() for item in items.values()]

    def everything(self, namespace: str = "") -> list[tuple[str, Stored]]:
        """(resource key, object) of all resources in a namespace, or in all."""
        return [(key, item) for key in list(self._tables) for item in self.of(key, namespace)]

    def _table(self, key: str) -> dict[str, dict[str, Stored]]:
        if key not in self._tables:
            self._load(key)
        return self._tables[key]

    def _load(self, key: str) -> None:
        table: dict[str, dict[str, Stored]] = {}
        for item in self._store.each(key):
            table.setdefault(item.namespace, {})[item.name] = item
        self._tables[key] = table

    def _follow(self, key: str, event: Event) -> None:
        table = self._tables[key]
        if event.after is not None:
            table.setdefault(event.after.namespace, {})[event.after.name] = event.after
        elif event.before is not None:
            table.get(event.before.namespace, {}).pop(event.before.name, None)
