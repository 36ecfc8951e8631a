"""The clients of `make bench-simcluster`: bare readers that cost as little as they can."""

from __future__ import annotations

import asyncio
import http.client
import json

from bench.simulator import Address

CHUNK = 1 << 20
PODS = "/api/v1/pods"
INITIAL = f"{PODS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
# What the fan-out watches and changes.
MAPS, CHANGED = "/api/v1/configmaps", "/api/v1/namespaces/istio-system/configmaps/istio"
EVENT = b'{"type":"MODIFIED"'


def fetch(address: Address, paths: list[str]) -> list[bytes]:
    """The bodies of GETs on one connection."""
    connection = http.client.HTTPSConnection("127.0.0.1", address.port, context=address.context)
    bodies = []
    for path in paths:
        connection.request("GET", path, headers=address.headers)
        bodies.append(connection.getresponse().read())
    connection.close()
    return bodies


def pages(address: Address, limit: int) -> list[bytes]:
    """All pods, page by page, as they came."""
    connection = http.client.HTTPSConnection("127.0.0.1", address.port, context=address.context)
    bodies, token = [], ""
    while True:
        connection.request("GET", f"{PODS}?limit={limit}&continue={token}", headers=address.headers)
        bodies.append(connection.getresponse().read())
        _, mark, rest = bodies[-1][:1000].partition(b'"continue":"')
        if not mark:
            connection.close()
            return bodies
        token = rest.partition(b'"')[0].decode()


def change(address: Address, times: int) -> None:
    """Patch one ConfigMap so often."""
    connection = http.client.HTTPSConnection("127.0.0.1", address.port, context=address.context)
    headers = {**address.headers, "Content-Type": "application/merge-patch+json"}
    for number in range(times):
        connection.request("PATCH", CHANGED, json.dumps({"data": {"bench": f"{number:06}"}}), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"The simulated cluster answered {answer.status} to a patch.")
    connection.close()


async def _open(address: Address, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", address.port, ssl=address.context)
    headers = "".join(f"{name}: {value}\r\n" for name, value in address.headers.items())
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode())
    return reader, writer


def initial_events(address: Address) -> bytes:
    """All of a watch up to the mark after its initial events."""

    async def read() -> bytes:
        reader, writer = await _open(address, INITIAL)
        chunks, tail = [], b""
        while b"k8s.io/initial-events-end" not in tail:
            chunks.append(await reader.read(CHUNK))
            tail = tail[-100:] + chunks[-1]
        writer.close()
        return b"".join(chunks)

    return asyncio.run(read())


async def fan_out(address: Address, watchers: int, changes: int) -> float:
    """Seconds from the first change until every watcher of the cluster's ConfigMaps has seen each."""
    loop = asyncio.get_running_loop()
    head = json.loads(fetch(address, ["/api/v1/nodes?limit=1"])[0])["metadata"]
    path = f"{MAPS}?watch=1&resourceVersion={head['resourceVersion']}"
    opened = [await _open(address, path) for _ in range(watchers)]
    for reader, _ in opened:
        await reader.readuntil(b"\r\n\r\n")
    started = loop.time()
    readers = [asyncio.create_task(_count(reader, changes)) for reader, _ in opened]
    await asyncio.to_thread(change, address, changes)
    await asyncio.gather(*readers)
    seconds = loop.time() - started
    for _, writer in opened:
        writer.close()
    return seconds


async def _count(reader: asyncio.StreamReader, wanted: int) -> None:
    """Read until so many events have come."""
    seen, tail = 0, b""
    while seen < wanted:
        chunk = await reader.read(CHUNK)
        if not chunk:
            raise SystemExit("The simulated cluster ended a watch of the benchmark.")
        seen += (tail + chunk).count(EVENT)
        tail = chunk[-len(EVENT) + 1 :]


async def echoed(address: Address, count: int, size: int) -> float:
    """Seconds that the yardstick takes to send one file to so many connections at once."""
    loop = asyncio.get_running_loop()
    opened = [await _open(address, "/nothing") for _ in range(count)]
    for reader, _ in opened:
        await reader.readuntil(b"\r\n\r\n")
    started = loop.time()
    for _, writer in opened:
        writer.write(b"GET /events HTTP/1.1\r\n\r\n")
    await asyncio.gather(*(_drain(reader, size) for reader, _ in opened))
    seconds = loop.time() - started
    for _, writer in opened:
        writer.close()
    return seconds


async def _drain(reader: asyncio.StreamReader, size: int) -> None:
    while size > 0:
        size -= len(await reader.read(CHUNK))
