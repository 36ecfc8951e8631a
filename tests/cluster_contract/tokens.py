"""Service account tokens in the contract: asking for those the cases present, and comparing new ones.

A token is different in every run, so its claims are compared with what the request asked for.
"""

import base64
import copy
import json
import time
from collections.abc import Iterator
from typing import Any

from tests.cluster_contract.differences import Translates, differences
from tests.cluster_contract.endpoint import Answer, Endpoint
from tests.cluster_contract.making import must
from tests.cluster_contract.replay import Known

Json = dict[str, Any]
CREDENTIAL = "a64f63d0-2260-4a9e-9c29-2e375a3da9da"
CACHE_SECONDS = 11  # a real server believes a token it has seen for ten seconds


def claims_of(token: str) -> Json:
    """What a token says, unchecked."""
    payload = token.split(".")[1]
    found: Json = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def _ask(endpoint: Endpoint, known: Known, user: str, spec: Json) -> str:
    path = f"/api/v1/namespaces/{known.namespace('demo')}/serviceaccounts/default/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    token = str(must(endpoint, "POST", path, body)["status"]["token"])
    endpoint.headers[user] = {"Authorization": f"Bearer {token}"}
    return token


def take_token(endpoint: Endpoint, known: Known) -> None:
    token = _ask(endpoint, known, "service-account", {})
    known.learn("<jwt>", token)
    known.learn(CREDENTIAL, claims_of(token)["jti"])


def take_token_of_another_audience(endpoint: Endpoint, known: Known) -> None:
    _ask(endpoint, known, "service-account-vault", {"audiences": ["vault"]})


def delete_account(endpoint: Endpoint, known: Known) -> None:
    must(endpoint, "DELETE", f"/api/v1/namespaces/{known.namespace('demo')}/serviceaccounts/default")
    if endpoint.real:
        time.sleep(CACHE_SECONDS)


def token_request(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """A TokenRequest that was granted: the object, and the claims of its token."""
    if answer.status != case["response"]["status"]:
        yield from differences(case, answer, known)
        return
    token = answer.body["status"]["token"]
    expected = copy.deepcopy(case)
    expected["response"]["body"]["status"]["token"] = token
    yield from differences(expected, answer, known)
    claims, recorded = claims_of(token), known.of(case["response"]["body"])
    spec, meta = recorded["spec"], recorded["metadata"]
    wanted = {
        "aud": spec["audiences"],
        "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
    }
    yield from (
        f"claim {name} {claims.get(name)}, asked {value}"
        for name, value in wanted.items()
        if claims.get(name) != value
    )
    # A server may give tokens of an hour a longer life than it says, so that old clients keep working.
    if spec["expirationSeconds"] != 3600 and claims["exp"] - claims["iat"] != spec["expirationSeconds"]:
        yield f"ends after {claims['exp'] - claims['iat']} s, asked {spec['expirationSeconds']}"
    account = claims["kubernetes.io"]["serviceaccount"]
    if account != {"name": meta["name"], "uid": answer.body["metadata"]["uid"]}:
        yield f"the token names {account}"
