"""The same story over REST, by the script that the documentation names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bin import rest_walkthrough
from bin.launcher.stack import Stack

pytestmark = pytest.mark.browser


def test_the_script_walks_the_whole_story_over_rest(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = tmp_path / "ready.json"
    logins = {login.username: login.password for login in stack.logins}
    ready.write_text(json.dumps({"url": stack.url, "logins": logins}), encoding="utf-8")
    code = rest_walkthrough.main([str(ready)])
    told = capsys.readouterr()
    assert code == 0, told.err
    assert "Everything went as expected." in told.out


def test_the_script_fails_when_the_story_cannot_be_walked(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps({"url": stack.url, "logins": {"proposer": "wrong"}}), encoding="utf-8")
    assert rest_walkthrough.main([str(ready)]) == 1
    assert "proposer could not make a token" in capsys.readouterr().err
