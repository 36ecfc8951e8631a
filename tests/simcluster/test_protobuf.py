"""The few messages kubectl sends in protobuf, put together by hand in their wire format."""

import pytest

from apps.simcluster.decoding import BodyError
from apps.simcluster.protobuf import MAGIC, decode


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def envelope(version: bytes, kind: bytes, message: bytes) -> bytes:
    return (
        MAGIC
        + field(1, field(1, version) + field(2, kind))
        + field(2, message)
        + field(3, b"")
        + field(4, b"")
    )


def test_a_config_map_with_its_data() -> None:
    meta = (
        field(1, b"shop")
        + field(2, b"")
        + field(3, b"demo")
        + field(11, field(1, b"app") + field(2, b"cart"))
    )
    entries = field(2, field(1, b"a") + field(2, b"1")) + field(2, field(1, b"empty") + field(2, b""))
    assert decode(envelope(b"v1", b"ConfigMap", field(1, meta) + entries)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shop", "namespace": "demo", "labels": {"app": "cart"}},
        "data": {"a": "1", "empty": ""},
    }


def test_an_access_review_with_numbers_between_its_texts() -> None:
    attributes = field(1, b"shop") + field(2, b"list") + bytes([15 << 3, 1]) + field(5, b"pods")
    found = decode(
        envelope(b"authorization.k8s.io/v1", b"SelfSubjectAccessReview", field(2, field(1, attributes)))
    )
    assert found["spec"] == {"resourceAttributes": {"namespace": "shop", "verb": "list", "resource": "pods"}}


def test_a_token_request_with_its_audiences_and_its_lifetime() -> None:
    bound = field(1, b"Pod") + field(2, b"v1") + field(3, b"web-1")
    spec = field(1, b"one") + field(1, b"two") + field(3, bound) + bytes([4 << 3, 0xD8, 0x04])
    assert decode(envelope(b"authentication.k8s.io/v1", b"TokenRequest", field(2, spec)))["spec"] == {
        "audiences": ["one", "two"],
        "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web-1"},
        "expirationSeconds": 600,
    }


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", MAGIC, MAGIC + b"\xff" * 20, envelope(b"v1", b"Pod", b""), MAGIC + bytes([1 << 3 | 7])],
    ids=["empty", "json", "no kind", "endless number", "another kind", "unknown wire type"],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(BodyError):
        decode(body)
