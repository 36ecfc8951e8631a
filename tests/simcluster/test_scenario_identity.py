"""Identities of generated objects are real version 5 UUIDs."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from apps.simcluster.shapes.meta import stable_uuid


@given(st.text(max_size=60))
def test_they_are_those_of_the_standard_library(text: str) -> None:
    text = text.encode(errors="ignore").decode()
    assert stable_uuid(text) == str(uuid.uuid5(uuid.NAMESPACE_URL, text))
