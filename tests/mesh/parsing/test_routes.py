"""VirtualServices, field by field."""

from __future__ import annotations

from apps.mesh.objects.networking import (
    Rewrite,
    StringMatch,
    VirtualService,
)
from tests.mesh.parsing.reading import read

ROUTES = """
hosts: [web]
http:
- name: canary
  match:
  - name: one
    uri: {prefix: /a}
    scheme: {exact: https}
    ignoreUriCase: true
    headers: {x-user: {exact: me}, x-any: {}, x-null: null}
    withoutHeaders: {x-not: {regex: "*"}}
    queryParams: {q: {prefix: "1"}}
  route:
  - {destination: {host: Web, subset: v1, port: {number: 80}}, weight: 0}
  - {destination: {host: web, subset: v2}}
  mirror: {host: Shadow}
  mirrors: [{destination: {host: second, subset: v9}}]
  rewrite: {uri: /b, authority: x.com, uriRegexRewrite: {match: ".*"}}
  timeout: 2s
  retries: {attempts: 2}
  headers:
    request: {set: {X-A: "1"}, remove: [x-b]}
    response: {add: {x-c: "2"}}
tcp:
- {match: [{port: 3306, sourceSubnet: 10.0.0.0/8}], route: [{destination: {host: db}}]}
"""


def test_a_virtual_service_loses_nothing_that_tells_routes_apart() -> None:
    service = read(VirtualService, ROUTES)
    route = service.http[0]
    assert route.name == "canary"
    match = route.matches[0]
    assert match.headers == {"x-user": StringMatch("exact", "me"), "x-any": None, "x-null": None}
    assert match.without_headers == {"x-not": StringMatch("regex", "*")}
    assert match.query_params == {"q": StringMatch("prefix", "1")}
    assert match.scheme == StringMatch("exact", "https")
    assert match.ignore_uri_case
    assert set(match.others) == {"scheme", "headers", "withoutHeaders", "queryParams"}
    assert [(d.host, d.subset, d.port, d.weight, d.weight_given) for d in route.destinations] == [
        ("web", "v1", 80, 0, True),
        ("web", "v2", None, 0, False),
    ]
    assert [(d.host, d.subset) for d in route.mirrors] == [("shadow", ""), ("second", "v9")]
    assert route.rewrite == Rewrite("/b", "x.com", ".*")
    assert route.timeout == "2s"
    assert route.header_operations == (
        ("request.set", "x-a"),
        ("request.remove", "x-b"),
        ("response.add", "x-c"),
    )
    assert {"name", "match", "route", "mirror", "mirrors", "rewrite", "retries"} <= set(route.given)
    assert service.tcp[0].matches[0].source_subnet == "10.0.0.0/8"
