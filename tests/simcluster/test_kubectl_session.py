"""The documented kubectl session: how it is read and compared, and that it still runs as documented."""

import pytest

from bin.kubectl_session import OLDEST, Step, kubectl_version, main, masked, steps_of

VERSION = kubectl_version()


def test_a_block_is_read_as_commands_with_what_they_print() -> None:
    block = "$ kubectl get ns\nNAME\nshop\n$ kubectl get \\\n  pods\n$ true\n"
    assert steps_of(block) == [
        Step("kubectl get ns", "NAME\nshop\n"),
        Step("kubectl get \\\n  pods", ""),
        Step("true", ""),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("web   Active   14d", "web  Active  5d14h"),
        ("3 (5m30s ago)", "3 (119s ago)"),
        ("uid: 074c3a32-d1fe-481f-a86a-ca66f6447860", "uid: 1be3e922-5116-42b2-aaf0-31b58a6c94f1"),
        ('resourceVersion: "495"', 'resourceVersion: "17"'),
        ("at https://127.0.0.1:44953", "at https://127.0.0.1:5"),
        ("--- /tmp/LIVE-39/x 2026-11-25 21:26:20.09 +0000", "--- /tmp/LIVE-1/x 2027-01-01 00:00:00.1 +0000"),
    ],
)
def test_what_differs_from_run_to_run_is_masked(one: str, other: str) -> None:
    assert masked(one) == masked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("web   2/2   Running", "web   1/2   Running"),
        ("generation: 1", "generation: 2"),
        ("NAME   STATUS   AGE", "NAME   AGE"),
        ("served: v1beta1", "served: v1"),
        ("reddish", "reddis"),
    ],
)
def test_what_a_reader_would_miss_is_not_masked(one: str, other: str) -> None:
    assert masked(one) != masked(other)


@pytest.mark.skipif(
    VERSION is None or VERSION < OLDEST,
    reason="There is no kubectl of 1.27 or newer on PATH, and neither PyPI nor Debian 12 has one.",
)
def test_the_documented_session_prints_what_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().out
