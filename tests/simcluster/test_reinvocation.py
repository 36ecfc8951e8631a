"""Second calls of mutating webhooks, as kube-apiserver keeps the books."""

from apps.simcluster.reinvocation import Reinvocations

WILLING, UNWILLING = {"reinvocationPolicy": "IfNeeded"}, {"reinvocationPolicy": "Never"}


def test_only_who_is_willing_and_was_called_before_a_change_is_due() -> None:
    again = Reinvocations()
    again.called("a", WILLING, changed=True)
    again.called("b", UNWILLING, changed=False)
    again.called("c", WILLING, changed=True)
    again.called("d", WILLING, changed=False)
    assert again.needed
    again.second_round = True
    assert [key for key in "abcde" if not again.skips(key)] == ["a"]


def test_the_last_change_needs_no_second_round() -> None:
    again = Reinvocations()
    again.called("a", WILLING, changed=True)
    assert not again.needed


def test_nobody_is_skipped_in_the_first_round() -> None:
    assert not Reinvocations().skips("a")


def test_a_change_in_the_second_round_makes_later_willing_ones_due() -> None:
    again = Reinvocations()
    again.called("a", WILLING, changed=False)
    again.called("b", WILLING, changed=False)
    again.called("c", UNWILLING, changed=True)
    again.second_round = True
    again.called("a", WILLING, changed=True)
    assert [key for key in "abc" if not again.skips(key)] == ["a", "b"]
