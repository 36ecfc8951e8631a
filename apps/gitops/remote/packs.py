"""How much a pack would take once it is unpacked; asked before anything is.

The format is `gitformat-pack`: a head of 12 bytes, then objects, each with its size and a zlib stream.
"""

from __future__ import annotations

import zlib

from apps.gitops.remote.failures import RemoteError

OBJECT_LIMIT = 32 * 1024 * 1024  # bytes of one object, deltas applied
TOTAL_LIMIT = 512 * 1024 * 1024
OFFSET_DELTA, REF_DELTA = 6, 7
_HEAD, _CHUNK, _DELTA_HEAD = 12, 64 * 1024, 20
TOO_MUCH = "The repository holds a file that is too large to be looked at (32 MiB), or too much in all."
DAMAGED = "The repository sent a damaged pack."


def measure(pack: bytes) -> int:
    """The bytes of all objects. Raises RemoteError for more than the limits, and for what is no pack."""
    total, at = 0, _HEAD
    try:
        for _ in range(int.from_bytes(pack[8:_HEAD], "big")):
            kind = pack[at] >> 4 & 7
            size, at = _size(pack, at)
            if kind == OFFSET_DELTA:
                while pack[at] & 0x80:
                    at += 1
                at += 1
            elif kind == REF_DELTA:
                at += 20
            at, head = _skip(pack, at, size)
            if kind in (OFFSET_DELTA, REF_DELTA):
                _, behind = _number(head, 0)
                size = max(size, _number(head, behind)[0])
            total += size
            if size > OBJECT_LIMIT or total > TOTAL_LIMIT:
                raise RemoteError(TOO_MUCH)
    except (IndexError, zlib.error):
        raise RemoteError(DAMAGED) from None
    return total


def _size(pack: bytes, at: int) -> tuple[int, int]:
    """Size of an object, four bits of it beside its kind, and where its head ends."""
    size, more = pack[at] & 15, pack[at] & 0x80
    if not more:
        return size, at + 1
    rest, end = _number(pack, at + 1)
    return size | rest << 4, end


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
        if shift > 63:
            raise RemoteError(DAMAGED)


def _skip(pack: bytes, at: int, size: int) -> tuple[int, bytes]:
    """The end of a zlib stream that holds `size` bytes, and the first of them; nothing of it is kept."""
    reader, got, head, waiting = zlib.decompressobj(), 0, b"", b""
    while not reader.eof:
        if not waiting:
            waiting = pack[at : at + _CHUNK]
            at += len(waiting)
            if not waiting:
                raise RemoteError(DAMAGED)
        out = reader.decompress(waiting, _CHUNK)
        waiting = reader.unconsumed_tail
        got += len(out)
        head = head or out[:_DELTA_HEAD]
        if got > size or got > OBJECT_LIMIT:
            raise RemoteError(TOO_MUCH if got > OBJECT_LIMIT else DAMAGED)
    return at - len(reader.unused_data), head
