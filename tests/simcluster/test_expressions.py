"""CEL as a server runs it: the functions Kubernetes adds, and what is said of expressions that fail."""

from typing import Any

import pytest

from apps.simcluster.expressions import CompileError, EvaluationError, compiled, evaluate


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("self.substring(7)", "/run/x"),
        ("self.substring(0, 4)", "unix"),
        ("self.charAt(0)", "u"),
        ("self.replace('unix', 'tcp')", "tcp:///run/x"),
        ("self.replace('/', '-', 1)", "unix:-//run/x"),
        ("self.split('/')", ["unix:", "", "", "run", "x"]),
        ("self.split('/', 2)", ["unix:", "//run/x"]),
        ("['a', 'b'].join()", "ab"),
        ("['a', 'b'].join(', ')", "a, b"),
        ("' a '.trim()", "a"),
        ("'Ab'.lowerAscii() + 'Ab'.upperAscii()", "abAB"),
        ("self.indexOf('/')", 5),
        ("self.lastIndexOf('/')", 11),
        ("[1, 2, 1].indexOf(3)", -1),
        ("[1, 2, 1].lastIndexOf(1)", 2),
        ("[1, 2, 2].isSorted()", True),
        ("[3, 1].sum() + [3, 1].min() + [3, 1].max()", 8),
        ("'v1.22'.find('[0-9]+')", "1"),
        ("'v1.22'.findAll('[0-9]+')", ["1", "22"]),
        ("string(true) + string(1) + string(1.5) + string('x')", "true11.5x"),
        ("bool('true') && !bool('false')", True),
        ("isURL('https://a.b:8443/c') && !isURL('a b')", True),
        ("url('https://u@a.b:8443/c').getHost()", "a.b:8443"),
        ("url('https://a.b:8443/c').getPort()", "8443"),
        ("isIP('10.0.0.1') && !isIP('10.0.0.256') && ip('::1').family() == 6", True),
        ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", True),
        ("isCIDR('10.0.0.0/8') && cidr('10.0.0.0/8').prefixLength() == 8", True),
    ],
)
def test_kubernetes_functions(source: str, value: Any) -> None:
    assert evaluate(source, {"self": "unix:///run/x"}) == value


@pytest.mark.parametrize("source", ["self.", "nosuch(self)", "self.nosuch()", "self.?a.orValue(1)", ""])
def test_what_is_no_expression_or_not_known_here_does_not_compile(source: str) -> None:
    with pytest.raises(CompileError, match="compilation failed"):
        compiled(source)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("self.absent", "no such key: absent"),
        ("self.text + 1", "no such overload"),
        ("int(self.text)", "type conversion error from 'string' to 'int'"),
        (
            "duration(self.text) > duration('1s')",
            "type conversion error from 'string' to 'google.protobuf.Duration'",
        ),
        ("1 / 0 == 1", "division by zero"),
        ("self.text.substring(9)", "^index out of range: 9$"),
    ],
)
def test_an_evaluation_that_fails_says_why(source: str, why: str) -> None:
    with pytest.raises(EvaluationError, match=why):
        evaluate(source, {"self": {"text": "x"}})


def test_an_authorizer_is_asked_what_the_expression_puts_together() -> None:
    asked: list[dict[str, str]] = []

    def allowed(check: dict[str, str]) -> bool:
        asked.append(check)
        return check["verb"] == "get"

    source = "authorizer.group('g').resource('r').namespace('n').name('x').check('get').allowed()"
    assert evaluate(source, {"authorizer": {}}, allowed) is True
    assert asked == [{"group": "g", "resource": "r", "namespace": "n", "name": "x", "verb": "get"}]
    assert evaluate("authorizer.path('/p').check('post').allowed()", {"authorizer": {}}, allowed) is False
