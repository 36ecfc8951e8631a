"""CEL as an API server runs it: compiled once, with the string and list functions Kubernetes adds.

Texts of errors are the server's where they were recorded. Expressions with what the library lacks (optional
types, quantities, formats) do not compile here. It knows no policy and no schema.
"""

import ipaddress
import itertools
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import cel

from apps.simcluster.schema import Json

REMEMBERED = 1024
# The library warns of every function that fails; here that is an answer to whoever wrote the expression.
logging.getLogger("cel").setLevel(logging.ERROR)
_NOT_FOUND = -1
_FOREIGN = re.compile(r"Function '(\w+)' error")
_OWN = re.compile(r"Python function call failed: \w+: (.*?)\. Check function arguments")
_CONVERSIONS = {
    "duration": "type conversion error from 'string' to 'google.protobuf.Duration'",
    "timestamp": "type conversion error from 'string' to 'google.protobuf.Timestamp'",
    "int": "type conversion error from 'string' to 'int'",
    "double": "type conversion error from 'string' to 'double'",
}


class CompileError(Exception):
    """The expression is no CEL, or uses a function that is not known here."""


class EvaluationError(Exception):
    """The expression cannot be evaluated on these values; the text is the server's."""


def _string(value: Any) -> str:
    """The text of a boolean; of everything else the library's own `string` knows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    raise ValueError("no such overload")


def _bool(value: Any) -> bool:
    words = {"true": True, "false": False}
    if isinstance(value, bool) or value in words:
        return words.get(value, value is True)
    raise ValueError("type conversion error from 'string' to 'bool'")


def _substring(text: str, start: int, end: int | None = None) -> str:
    if not 0 <= start <= (len(text) if end is None else end) <= len(text):
        raise ValueError(f"index out of range: {start}")
    return text[start:end]


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, count)


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if not separator:
        return list(text)
    return text.split(separator, limit - 1 if limit > 0 else -1)


def _index_of(where: Any, what: Any, start: int = 0) -> int:
    if isinstance(where, str):
        return where.find(what, start)
    return next((at for at, item in enumerate(where) if item == what), _NOT_FOUND)


def _last_index_of(where: Any, what: Any) -> int:
    if isinstance(where, str):
        return where.rfind(what)
    return max((at for at, item in enumerate(where) if item == what), default=_NOT_FOUND)


def _is_sorted(items: Sequence[Any]) -> bool:
    return all(first <= second for first, second in itertools.pairwise(items))


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [match[0] for match in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]


def _url(text: str) -> Json:
    """The parts of an absolute URL or path; ValueError for anything else."""
    parts = urlsplit(text)
    if not (parts.scheme and (parts.netloc or parts.path)) and not text.startswith("/"):
        raise ValueError(f"parse {text}: invalid URI for request")
    return {
        "scheme": parts.scheme,
        "host": parts.netloc.rpartition("@")[2],
        "hostname": parts.hostname or "",
        "port": str(parts.port or ""),
        "path": parts.path,
    }


def _is(make: Callable[[str], Any]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            make(text)
        except ValueError:
            return False
        return True

    return holds


def _address(text: str) -> Json:
    found = ipaddress.ip_address(text)
    return {"text": str(found), "family": found.version}


def _network(text: str) -> Json:
    found = ipaddress.ip_network(text, strict=False)
    return {"text": text, "family": found.version, "prefix": found.prefixlen}


def _contains_ip(network: Json, address: Any) -> bool:
    text = address["text"] if isinstance(address, dict) else address
    return ipaddress.ip_address(text) in ipaddress.ip_network(network["text"], strict=False)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "string": _string,
    "bool": _bool,
    "substring": _substring,
    "charAt": lambda text, at: text[at : at + 1],
    "replace": _replace,
    "split": _split,
    "join": lambda items, separator="": separator.join(items),
    "trim": lambda text: text.strip(),
    "lowerAscii": lambda text: text.lower(),
    "upperAscii": lambda text: text.upper(),
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "isSorted": _is_sorted,
    "sum": lambda items: sum(items),
    "min": lambda items: min(items),
    "max": lambda items: max(items),
    "find": _find,
    "findAll": _find_all,
    "isURL": _is(_url),
    "url": _url,
    "getScheme": lambda url: url["scheme"],
    "getHost": lambda url: url["host"],
    "getHostname": lambda url: url["hostname"],
    "getPort": lambda url: url["port"],
    "getEscapedPath": lambda url: url["path"],
    "isIP": _is(_address),
    "ip": _address,
    "isCIDR": _is(_network),
    "cidr": _network,
    "family": lambda address: address["family"],
    "prefixLength": lambda network: network["prefix"],
    "containsIP": _contains_ip,
    # The authorizer: checks are put together as maps, and asked by the function that `evaluate` is given.
    "group": lambda asked, name: {**asked, "group": name},
    "resource": lambda asked, name: {**asked, "resource": name},
    "subresource": lambda asked, name: {**asked, "subresource": name},
    "namespace": lambda asked, name: {**asked, "namespace": name},
    "name": lambda asked, name: {**asked, "name": name},
    "path": lambda asked, name: {**asked, "path": name},
}
ASKED = ("check", "allowed", "reason")  # functions that need somebody to answer
_BASIC = ("size", "contains", "startsWith", "endsWith", "matches", "type", "dyn")
_CASTS = ("int", "uint", "double", "bytes", "duration", "timestamp")
_DATES = ("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear")
_TIMES = ("getHours", "getMinutes", "getSeconds", "getMilliseconds")
_KNOWN = frozenset((*_BASIC, *_CASTS, *_DATES, *_TIMES, *FUNCTIONS, *ASKED))


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression that can be run, and what it refers to."""

    program: cel.Program
    variables: frozenset[str]
    functions: Mapping[str, Callable[..., Any]]
    asks: bool  # of an authorizer


@lru_cache(REMEMBERED)
def compiled(source: str) -> Compiled:
    """The program of an expression; raises `CompileError`."""
    try:
        program = cel.compile(source)
    except ValueError as error:
        text = str(error).partition(": ")[2]
        raise CompileError(f"compilation failed: {text}") from error
    names = program.functions()
    for name in names:
        if name.isidentifier() and not name.startswith("_") and name not in _KNOWN:
            at = source.find(name) + 1
            text = f"ERROR: <input>:1:{at}: undeclared reference to '{name}' (in container '')"
            raise CompileError(f"compilation failed: {text}\n | {source}\n | {'.' * (at - 1)}^")
    used = {name: FUNCTIONS[name] for name in names if name in FUNCTIONS}
    return Compiled(program, frozenset(program.variables()), used, bool(set(names) & set(ASKED)))


def evaluate(source: str, variables: Json, allowed: Callable[[Json], bool] | None = None) -> Any:
    """The value of an expression on some variables; raises `CompileError` and `EvaluationError`.

    `allowed` answers what the expression asks of an authorizer.
    """
    found = compiled(source)
    functions = dict(found.functions)
    if allowed is not None and found.asks:
        functions |= {
            "check": lambda asked, verb: {"allowed": allowed({**asked, "verb": verb})},
            "allowed": lambda decision: decision["allowed"],
            "reason": lambda decision: "",
        }
    needed = {name: value for name, value in variables.items() if name in found.variables}
    try:
        return found.program.execute(cel.Context(needed, functions))
    except KeyError as error:
        raise EvaluationError(f"no such key: {error.args[0]}") from error
    except (RuntimeError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise EvaluationError(_in_the_servers_words(str(error))) from error


def _in_the_servers_words(text: str) -> str:
    foreign = _FOREIGN.match(text)
    if foreign and foreign[1] in _CONVERSIONS:
        return _CONVERSIONS[foreign[1]]
    own = _OWN.search(text)
    if own:
        return own[1]
    if text.startswith(("No such overload", "Unsupported operation")):
        return "no such overload"
    return text.partition("\n")[0]


def mentions(source: str, name: str) -> bool:
    """Whether an expression refers to a variable."""
    return name in compiled(source).variables
