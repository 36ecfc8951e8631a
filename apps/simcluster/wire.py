"""The wire format of protobuf: fields with numbers, written and read. It knows no message."""

import struct
from collections.abc import Iterator

from apps.simcluster.decoding import BodyError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def field(number: int, content: bytes) -> bytes:
    """A field of text, bytes or a message that is written already."""
    return _tag(number, BYTES) + varint(len(content)) + content


def whole(number: int, value: int) -> bytes:
    """A field of a number that is not negative, or of a truth."""
    return _tag(number, VARINT) + varint(value)


def double(number: int, value: float) -> bytes:
    return _tag(number, FIXED64) + struct.pack("<d", value)


def _tag(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each length-delimited field and number; others are skipped.

    Raises `BodyError` for what is no protobuf.
    """
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        kind = tag & 7
        if kind == VARINT:
            start = at
            _, at = read_varint(data, at)
            yield tag >> 3, data[start:at]
        elif kind == BYTES:
            size, at = read_varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise BodyError("a protobuf field of an unknown kind")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place and the place after it; raises `BodyError`."""
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise BodyError("a protobuf number that does not end")
