"""An edition of a host set as text: YAML, JSON, or plain hosts, one a line. Read strictly and written back.

A text with a mistake is refused as a whole, with a sentence for each mistake that names the field, or the
line. No database and no rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from apps.common.errors import InvalidInputError
from apps.mesh.hostsets import (
    APP_HOST,
    DEFAULT_APP_HOST,
    DEFAULT_REGION,
    HTTPS_PORT,
    REGION,
    HostSet,
    RequiredHost,
    Tier,
    fill,
)
from apps.mesh.parsing.yamltext import Limits, YamlProblem, documents
from apps.mesh.verdicts import Protocol
from apps.mesh.yamlwriter import to_yaml

LIMITS = Limits(size=128 * 1024, documents=1, nodes=5_000, depth=6)
MOST_HOSTS = 100
MOST_PROBLEMS = 20
MAX_PORT = 65535
FIELDS = ("set", "edition", "source", "parameters", "hosts")
HOST_FIELDS = ("host", "tier", "purpose", "used_by", "port", "protocol")
LENGTHS = {"source": 500, "purpose": 200, "used_by": 200}
DEFAULTS = {REGION: DEFAULT_REGION, APP_HOST: DEFAULT_APP_HOST}
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\Z")
EDITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
HOST = re.compile(
    r"(?=.{1,253}\Z)(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z"
)
PARAMETER = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")
DOCUMENT = re.compile(r"^\s*([\[{]|-(\s|$))|^\s*[\"']?[a-z_]+[\"']?\s*:(\s|$)", re.MULTILINE)
HEAD = ("host", "protocol", "direction")
DIRECTION = "outbound"
PROTOCOLS = {**{item.value: item for item in Protocol}, "HTTPS": Protocol.TLS}


class HostFileError(InvalidInputError):
    """What is wrong with a text (field `content`); `problems` are sentences, the message is all of them."""

    code = "invalid_hosts"

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems[:MOST_PROBLEMS]
        if len(problems) > MOST_PROBLEMS:
            self.problems.append(f"And {len(problems) - MOST_PROBLEMS} more.")
        super().__init__(" ".join(self.problems), field="content")


def read(text: str, *, name: str = "", edition: str = "", source: str = "", known: HostSet) -> HostSet:
    """The edition that a text says. Name, edition and source are for what the text does not say itself;
    where it says another name, that is a mistake. Of a plain list the hosts that `known` has too keep
    tier, purpose and parameters; others are documented ones, over TLS. Raises HostFileError."""
    if len(text.encode("utf-8", "replace")) > LIMITS.size:
        raise HostFileError([f"The text is longer than the {LIMITS.size // 1024} KiB that are read."])
    given = {"set": name, "edition": edition, "source": source}
    if not DOCUMENT.search(text):
        return _built({**given, "hosts": []}, _plain(text, known))
    value = _document(text)
    if name and value.get("set", name) != name:
        raise HostFileError([f"set: this is about «{str(value['set'])[:40]}» and not about «{name}»."])
    filled = {key: given[key] for key in given if given[key] and not value.get(key)}
    return _built({**value, **filled})


def content(hostset: HostSet) -> dict[str, Any]:
    """The edition as plain values, as `read` takes them, without what is the usual."""
    hosts = []
    for host in hostset.hosts:
        row: dict[str, Any] = {"host": host.pattern or host.host, "tier": host.tier.value}
        row |= {key: getattr(host, key) for key in ("purpose", "used_by") if getattr(host, key)}
        row |= {"port": host.port} if host.port != HTTPS_PORT else {}
        row |= {"protocol": host.protocol.value} if host.protocol is not Protocol.TLS else {}
        hosts.append(row)
    head = {"set": hostset.name, "edition": hostset.edition, "source": hostset.provenance}
    if any(host.pattern for host in hostset.hosts):
        return {**head, "parameters": dict(hostset.parameters), "hosts": hosts}
    return {**head, "hosts": hosts}


def as_text(hostset: HostSet) -> str:
    """The edition as YAML."""
    return to_yaml(content(hostset))


def built(value: Mapping[str, Any]) -> HostSet:
    """The edition of plain values, such as `content` gives. Raises HostFileError."""
    return _built(value)


def _document(text: str) -> dict[str, Any]:
    try:
        found = [value for value, _ in documents(text, LIMITS)]
    except YamlProblem as problem:
        where = f"Line {problem.line}: " if problem.line else ""
        raise HostFileError([f"{where}{problem}"]) from problem
    if len(found) != 1 or not isinstance(found[0], dict):
        raise HostFileError([f"It is one mapping with {', '.join(FIELDS)}."])
    return found[0]


def _built(value: Mapping[str, Any], plain: list[RequiredHost] | None = None) -> HostSet:
    problems = [f"{name}: {text}" for name, text in _head_problems(value)]
    parameters = {**DEFAULTS, **_parameters(value.get("parameters"), problems)}
    rows = value.get("hosts")
    if plain is None and not isinstance(rows, list):
        problems.append("hosts: it is a list of hosts.")
        rows = []
    hosts = plain if plain is not None else _hosts(rows or [], parameters, problems)
    if not problems and not hosts:
        problems.append("hosts: there is none.")
    number = len(plain if plain is not None else rows or [])
    if number > MOST_HOSTS:
        problems.append(f"hosts: there are {number}; at most {MOST_HOSTS} are kept.")
    for key in sorted({host.key for host in hosts if sum(h.key == host.key for h in hosts) > 1}):
        problems.append(f"hosts: {key} stands there twice.")
    if problems:
        raise HostFileError(problems)
    used = any(host.pattern for host in hosts)
    return HostSet(
        name=value["set"],
        edition=value["edition"],
        provenance=value["source"].strip(),
        hosts=tuple(hosts),
        parameters=tuple((key, parameters[key]) for key in DEFAULTS) if used else (),
    )


def _head_problems(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in value:
        if name not in FIELDS:
            yield f"{str(name)[:40]}", f"there is no such field; there are {', '.join(FIELDS)}."
    found, edition, source = (value.get(name) for name in ("set", "edition", "source"))
    if not isinstance(found, str) or not NAME.match(found):
        yield "set", "name it with at most 40 small letters, digits and hyphens."
    if not isinstance(edition, str) or not EDITION.match(edition):
        yield (
            "edition",
            "call it by at most 40 letters, digits, points and hyphens, such as 2026-11; quote a number.",
        )
    if not isinstance(source, str) or not _is_text(source, "source") or not source.strip():
        yield "source", f"say where the list was read, in a line of at most {LENGTHS['source']} characters."


def _parameters(value: Any, problems: list[str]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"parameters: it is a mapping with {' and '.join(DEFAULTS)}.")
        return {}
    for name, given in value.items():
        if name not in DEFAULTS:
            problems.append(f"parameters.{str(name)[:40]}: there are {' and '.join(DEFAULTS)} only.")
        elif not isinstance(given, str) or not PARAMETER.match(given):
            problems.append(f"parameters.{name}: it is a text of small letters, digits, points and hyphens.")
    return {name: given for name, given in value.items() if name in DEFAULTS and isinstance(given, str)}


def _hosts(rows: list[Any], parameters: Mapping[str, str], problems: list[str]) -> list[RequiredHost]:
    found = []
    for index, row in enumerate(rows[:MOST_HOSTS]):
        at = f"hosts[{index}]"
        if not isinstance(row, dict):
            problems.append(f"{at}: it is a mapping with host, tier and what else is known.")
            continue
        wrong = [f"{at}.{name}: {text}" for name, text in _row_problems(row, parameters)]
        problems += wrong
        if not wrong:
            found.append(_host(row, parameters))
    return found


def _row_problems(row: Mapping[Any, Any], parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in row:
        if name not in HOST_FIELDS:
            yield str(name)[:40], f"there is no such field; there are {', '.join(HOST_FIELDS)}."
    host, port = row.get("host"), row.get("port", HTTPS_PORT)
    if not isinstance(host, str):
        yield "host", "it is a text; one that begins with { or * stands in quotes."
    elif not HOST.match(fill(host.lower(), parameters)):
        yield "host", f"«{host[:80]}» is not a host name, nor *. before one."
    if row.get("tier") not in list(Tier):
        yield "tier", f"it is one of {', '.join(Tier)}."
    if type(port) is not int or not 0 < port <= MAX_PORT:
        yield "port", f"it is a number from 1 to {MAX_PORT}."
    if str(row.get("protocol", "TLS")).upper() not in PROTOCOLS:
        yield "protocol", f"it is one of {', '.join(PROTOCOLS)}."
    for name in ("purpose", "used_by"):
        if not _is_text(row.get(name, ""), name):
            yield name, f"it is a line of at most {LENGTHS[name]} characters."


def _is_text(value: Any, name: str) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= LENGTHS[name]


def _host(row: Mapping[str, Any], parameters: Mapping[str, str]) -> RequiredHost:
    written = row["host"].lower()
    host = fill(written, parameters)
    return RequiredHost(
        host=host,
        tier=Tier(row["tier"]),
        purpose=row.get("purpose", "").strip(),
        used_by=row.get("used_by", "").strip(),
        port=row.get("port", HTTPS_PORT),
        protocol=PROTOCOLS[str(row.get("protocol", "TLS")).upper()],
        pattern=written if host != written else "",
    )


def _plain(text: str, known: HostSet) -> list[RequiredHost]:
    """Hosts one a line, with a port where it is not 443. A table of host, protocol and direction, copied
    from a page, is such a list."""
    found: list[RequiredHost] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].lower().split()
        if not words or tuple(words) == HEAD:
            continue
        host, colon, port = words[0].rstrip(",").partition(":")
        told = words[1].upper() if len(words) > 1 else "TLS"
        if not HOST.match(host):
            problems.append(f"Line {number}: «{words[0][:80]}» is not a host name, nor *. before one.")
        elif colon and (not port.isdecimal() or not 0 < int(port[:6]) <= MAX_PORT):
            problems.append(f"Line {number}: after the colon stands a port from 1 to {MAX_PORT}.")
        elif told not in PROTOCOLS or words[2:] not in ([], [DIRECTION]):
            problems.append(f"Line {number}: after the host may stand a protocol, and nothing but outbound.")
        else:
            plain = RequiredHost(host, Tier.DOCUMENTED, "", "", int(port or HTTPS_PORT), PROTOCOLS[told])
            same = known.get(plain.key)
            found.append(replace(same, protocol=plain.protocol) if same is not None else plain)
    if problems:
        raise HostFileError(problems)
    return found
