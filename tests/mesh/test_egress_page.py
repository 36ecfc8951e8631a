"""The examples of docs/egress.md are cases: what the page says must hold."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from apps.mesh.answers import DIFFERS
from tests.mesh.cases_runner import violations

PAGE = Path(__file__).resolve().parents[2] / "docs" / "egress.md"
RECORDED = Path(__file__).resolve().parents[1] / "recorded" / "istiod-answers.jsonl.gz"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.splitlines()[0].removeprefix("# ")[:60])
def test_an_example_of_the_page_holds(example: str) -> None:
    assert violations(example) == []


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) > 10


def test_the_page_explains_every_tag_of_the_recording() -> None:
    with gzip.open(RECORDED) as lines:
        tags = {tag for line in lines for tag in json.loads(line)["tags"]}
    recorded = {tag for tag in tags if tag.startswith(DIFFERS)}
    assert set(re.findall(r"^\| `(differs:[^`]+)`", PAGE.read_text(), re.MULTILINE)) == recorded
