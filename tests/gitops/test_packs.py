"""Packs are measured before they are unpacked."""

from __future__ import annotations

import io
import random
import zlib

import pytest
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.objects import Blob
from dulwich.pack import pack_objects_to_data, write_pack_data
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.gitops.remote import packs
from apps.gitops.remote.failures import RemoteError
from apps.gitops.remote.packs import measure


def pack_of(*texts: bytes, deltas: bool = False) -> bytes:
    body = io.BytesIO()
    blobs = [Blob.from_string(text) for text in texts]
    count, records = pack_objects_to_data([(blob, None) for blob in blobs], deltify=deltas)
    write_pack_data(body.write, records, num_records=count, object_format=DEFAULT_OBJECT_FORMAT)
    return body.getvalue()


def head(kind: int, size: int) -> bytes:
    """The head of an object, written by the book."""
    first, size = (kind << 4) | (size & 15), size >> 4
    found = bytearray()
    while size:
        found.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    return bytes([*found, first])


@pytest.mark.parametrize("deltas", [False, True])
def test_what_git_packs_is_measured(deltas: bool) -> None:
    dice = random.Random(7)
    long = dice.randbytes(200_000)
    texts = (long, long + b"more", b"", b"x" * 1000)
    assert measure(pack_of(*texts, deltas=deltas)) == sum(len(text) for text in texts)


def test_a_small_pack_that_would_fill_the_memory_is_refused() -> None:
    size = packs.OBJECT_LIMIT + 1
    bomb = b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + head(3, size)
    bomb += zlib.compress(b"\0" * size, 9) + b"\0" * 20
    assert len(bomb) < size // 500
    with pytest.raises(RemoteError, match="too large"):
        measure(bomb)


def test_a_delta_that_grows_is_refused() -> None:
    delta = head_number(10) + head_number(packs.OBJECT_LIMIT + 1) + b"\x90\x0a"
    body = b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big")
    body += head(packs.REF_DELTA, len(delta)) + b"r" * 20 + zlib.compress(delta) + b"\0" * 20
    with pytest.raises(RemoteError, match="too large"):
        measure(body)


def head_number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300))
def test_nonsense_is_refused_or_measured_and_never_more(noise: bytes, at: int) -> None:
    good = pack_of(b"hello", b"world" * 50)
    for body in (noise, good[:at] + noise + good[at:], good[:at]):
        try:
            assert measure(body) >= 0
        except RemoteError:
            continue
