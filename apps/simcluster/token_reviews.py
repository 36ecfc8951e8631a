"""TokenRequest and TokenReview: a token for a service account, and whose token is this. Nothing is stored."""

from datetime import UTC, datetime

from apps.simcluster.access import Access, User
from apps.simcluster.comparing import compare
from apps.simcluster.errors import (
    Cause,
    CauseType,
    Target,
    bad_request,
    cannot_unmarshal,
    conflict,
    invalid,
    not_found,
    object_in,
    quoted,
)
from apps.simcluster.fieldsets import encode
from apps.simcluster.reviews import AUTHENTICATION, user_info
from apps.simcluster.schema import GENERIC_OBJECT, Json
from apps.simcluster.tokens import AUDIENCES, BOUND_KINDS, Bound, ServiceAccountTokens

DEFAULT_SECONDS = 3600
MIN_SECONDS = 600
MAX_SECONDS = 1 << 32
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def _stated(spec: Json, manager: str, timestamp: str) -> Json:
    """The managedFields entry of an object that is answered and never stored."""
    paths = compare({}, {"spec": spec}, GENERIC_OBJECT).added - {("f:spec",)}
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": f"{AUTHENTICATION}/v1",
        "time": timestamp,
        "fieldsType": "FieldsV1",
        "fieldsV1": encode(paths),
    }


def _texts(spec: Json, kind: str) -> list[str]:
    given = spec.get("audiences") or []
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise cannot_unmarshal(given, f"{kind}Spec.spec.audiences", "[]string")
    return given


def _seconds(spec: Json) -> int:
    """The asked life of a token; raises 400 for no number, 422 for one out of range."""
    seconds = spec.get("expirationSeconds")
    if seconds is None:
        return DEFAULT_SECONDS
    if type(seconds) is not int:
        raise cannot_unmarshal(seconds, "TokenRequestSpec.spec.expirationSeconds", "int64")
    if MIN_SECONDS <= seconds <= MAX_SECONDS:
        return seconds
    short = "may not specify a duration less than 10 minutes"
    why = short if seconds < MIN_SECONDS else "may not specify a duration larger than 2^32 seconds"
    cause = Cause(CauseType.INVALID, "spec.expirationSeconds", f"Invalid value: {seconds}: {why}")
    raise invalid(Target(AUTHENTICATION, kind="TokenRequest"), [cause])


def _bound(tokens: ServiceAccountTokens, account: Json, reference: Json) -> Bound:
    """The object a token is to be bound to; raises 404 for an absent one, 409 for another of that name."""
    kind, name, meta = reference.get("kind", ""), str(reference.get("name") or ""), account["metadata"]
    if reference.get("apiVersion", "v1") != "v1" or kind not in BOUND_KINDS:
        shown = f"{reference.get('apiVersion', '')}, Kind={kind}"
        raise bad_request(f"cannot bind token for serviceaccount to object of type {shown}")
    plural = BOUND_KINDS[kind]
    found = tokens.store.get(plural, meta["namespace"] if kind != "Node" else "", name)
    target = Target("", plural, kind, name)
    if found is None:
        raise not_found(target)
    runs_as = (found.get("spec") or {}).get("serviceAccountName")
    if kind == "Pod" and runs_as != meta["name"]:
        why = f"cannot bind token for serviceaccount {quoted(meta['name'])} to pod running with different"
        raise bad_request(f"{why} serviceaccount name.")
    uid = found["metadata"]["uid"]
    if reference.get("uid") not in (None, "", uid):
        why = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record."
        raise conflict(target, f"{why} The object might have been deleted and then recreated", by_kind=True)
    return Bound(kind, name, uid)


def token_request(
    tokens: ServiceAccountTokens, account: Json, body: Json, manager: str, timestamp: str
) -> Json:
    """A TokenRequest answered for a stored service account; the token dies with what it is bound to."""
    spec = object_in(body.get("spec"), "TokenRequest.spec")
    audiences, seconds = _texts(spec, "TokenRequest"), _seconds(spec)
    reference = object_in(spec.get("boundObjectRef"), "TokenRequestSpec.spec.boundObjectRef")
    bound = _bound(tokens, account, reference) if reference else None
    meta = account["metadata"]
    identity = (meta["namespace"], meta["name"], meta["uid"])
    token, ends = tokens.issue(*identity, audiences or AUDIENCES, seconds, bound)
    owned: Json = {"expirationSeconds": seconds} | ({"audiences": audiences} if audiences else {})
    owned |= {"boundObjectRef": reference} if reference else {}
    entry = {**_stated(owned, manager, timestamp), "subresource": "token"}
    names = {name: meta[name] for name in ("name", "namespace", "uid")}
    status = {"token": token, "expirationTimestamp": datetime.fromtimestamp(ends, UTC).strftime(TIME_FORMAT)}
    return {
        "kind": "TokenRequest",
        "apiVersion": f"{AUTHENTICATION}/v1",
        "metadata": {**names, "creationTimestamp": timestamp, "managedFields": [entry]},
        "spec": {
            "audiences": audiences or list(AUDIENCES),
            "expirationSeconds": seconds,
            "boundObjectRef": reference or None,
        },
        "status": status,
    }


def token_review(access: Access, body: Json, manager: str, timestamp: str) -> Json:
    """A TokenReview answered; 400 without a token."""
    spec = object_in(body.get("spec"), "TokenReview.spec")
    token, audiences = spec.get("token") or "", _texts(spec, "TokenReview") or list(AUDIENCES)
    if not isinstance(token, str):
        raise cannot_unmarshal(token, "TokenReviewSpec.spec.token", "string")
    user, shared = _reviewed(access, token, audiences)
    status: Json = {"user": {}, "error": "[invalid bearer token, Token has been invalidated]"}
    if user is not None:
        status = {"authenticated": True, "user": user_info(user), "audiences": list(shared)}
    return {
        "kind": "TokenReview",
        "apiVersion": f"{AUTHENTICATION}/v1",
        "metadata": {"managedFields": [_stated(spec, manager, timestamp)]},
        "spec": spec,
        "status": status,
    }


def _reviewed(access: Access, token: str, audiences: list[str]) -> tuple[User | None, tuple[str, ...]]:
    """Whose token it is for these audiences, and which of them it is for."""
    user = access.user_of(token, audiences)
    if user is None:
        return None, ()
    account = access.tokens.account(token, audiences) if access.tokens else None
    return user, account.audiences if account else AUDIENCES
