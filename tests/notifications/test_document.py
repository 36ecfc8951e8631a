"""The page for receivers is true: its snippet runs, its example has the fields that are sent."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.notifications.events import CHOICES
from apps.notifications.signature import signature
from apps.notifications.sweep import sweep
from tests.factories.shop import Shop
from tests.notifications.conftest import SECRET
from tests.notifications.receiver import Receiver

PAGE = (Path(__file__).resolve().parents[2] / "docs/operations/notifications.md").read_text(encoding="utf-8")
BODY = b'{"version": 1}'


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture
def genuine() -> Callable[[str, str, bytes], bool]:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    found: Callable[[str, str, bytes], bool] = names["genuine"]
    return found


def test_the_snippet_takes_what_we_sign_and_nothing_else(genuine: Callable[[str, str, bytes], bool]) -> None:
    now = int(time.time())
    assert genuine(SECRET, signature(SECRET, BODY, now), BODY)
    assert not genuine("another secret", signature(SECRET, BODY, now), BODY)
    assert not genuine(SECRET, signature(SECRET, BODY, now), BODY + b" ")
    assert not genuine(SECRET, signature(SECRET, BODY, now - 301), BODY)
    forged = signature(SECRET, BODY, now - 400).replace(f"t={now - 400}", f"t={now}")
    assert not genuine(SECRET, forged, BODY)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("webhook")
def test_the_example_has_the_fields_that_are_sent(shop: Shop, receiver: Receiver) -> None:
    shop.pending()
    sweep()
    example, sent = json.loads(block("json")), receiver.got[0].document
    assert set(example) == set(sent)
    assert set(example["change"]) == set(sent["change"])
    assert {type(v) for v in example["change"].values()} == {type(v) for v in sent["change"].values()}


def test_every_event_is_on_the_page() -> None:
    assert [value for value, _ in CHOICES if f"`{value}`" not in PAGE] == []
