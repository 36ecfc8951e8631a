"""What the admission cases start from: a webhook that really listens, its registrations, and a quota."""

import base64
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from apps.simcluster.certificates import tls_files
from tests.cluster_contract.endpoint import Endpoint
from tests.cluster_contract.making import make_namespaces, must
from tests.cluster_contract.policies import POLICY_STEPS
from tests.cluster_contract.replay import Known

Json = dict[str, Any]
Step = Callable[[Endpoint, Known], None]
REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1"
REASON = "configuration is invalid: hosts must be owned by team pay"
SLOW_SECONDS = 3
LABELLED = [{"op": "add", "path": "/metadata/labels", "value": {"mutated-by": "webhook"}}]
ANSWERS: dict[str, Json] = {
    "/n": {"allowed": False, "status": {"message": REASON}},
    "/403": {"allowed": False, "status": {"message": REASON, "code": 403, "reason": "Forbidden"}},
    "/200": {"allowed": False, "status": {"message": REASON, "code": 200}},
    "/no-status": {"allowed": False},
    "/warnings": {
        "allowed": True,
        "warnings": ["host app.speedscale.com is deprecated", "second warning"],
    },
    "/slow": {"allowed": True},
    "/mutate": {
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": base64.b64encode(json.dumps(LABELLED).encode()).decode(),
    },
}


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0]
        if path == "/slow":
            time.sleep(SLOW_SECONDS)
        answer: Json = {"hello": "world"}
        if path in ANSWERS:
            uid = review["request"]["uid"]
            answer = {"apiVersion": review["apiVersion"], "kind": "AdmissionReview"}
            answer["response"] = {"uid": uid, **ANSWERS[path]}
        data = json.dumps(answer).encode()
        self.send_response(500 if path == "/500" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves early or does not trust the certificate is part of the cases."""


@contextmanager
def webhook() -> Iterator[tuple[int, bytes]]:
    """A webhook that listens: its port, and the PEM of its authority."""
    with TemporaryDirectory(prefix="webhook-") as directory:
        files = tls_files(Path(directory), "webhook")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        server = _Server(("127.0.0.1", 0), _Webhook)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1], files.ca.read_bytes()
        finally:
            server.shutdown()
            server.server_close()
            thread.join(SLOW_SECONDS)


def registration(url: str, authority: bytes, **changes: Any) -> Json:
    """One entry of a webhook configuration, as the recording's."""
    return {
        "name": "rev.validation.istio.io",
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority).decode()},
        "rules": [
            {
                "operations": ["CREATE", "UPDATE"],
                "apiGroups": ["networking.istio.io"],
                "apiVersions": ["*"],
                "resources": ["*"],
            }
        ],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
        **changes,
    }


class Webhooks:
    """Registers, before a case, the one webhook that the case is about."""

    def __init__(self, port: int, authority: bytes) -> None:
        self.port, self.authority = port, authority

    def steps(self) -> dict[str, Step]:
        """What happens before each case, by its name."""
        validating = {
            "webhook-deny-no-code": "/n",
            "webhook-deny-403": "/403",
            "webhook-deny-200": "/200",
            "webhook-deny-no-status": "/no-status",
            "webhook-warnings": "/warnings",
            "webhook-http-500": "/500",
            "webhook-garbage": "/garbage",
            "webhook-timeout": "/slow",
        }
        steps = {name: self._registered(path) for name, path in validating.items()}
        with _free_port() as port:
            unused = port
        other = b"".join(_another_authority())
        return steps | {
            "webhook-unreachable-fail": self._registered("/n", port=unused, recorded=29999),
            "webhook-unreachable-ignore": self._registered("/n", port=unused, failurePolicy="Ignore"),
            "webhook-bad-ca": self._registered("/n", authority=other),
            "webhook-none-on-dry-run": self._registered("/n", sideEffects="NoneOnDryRun"),
            "webhook-config-side-effects-some": _unregistered,
            "webhook-no-dry-run-support": self._side_effects,
            "webhook-mutate": self._registered("/mutate", kind="Mutating"),
            "webhook-mutating-deny": self._registered("/n", kind="Mutating"),
        }

    def _registered(
        self,
        path: str,
        *,
        kind: str = "Validating",
        port: int = 0,
        recorded: int = 29443,
        authority: bytes = b"",
        **changes: Any,
    ) -> Step:
        def step(endpoint: Endpoint, known: Known) -> None:
            _unregistered(endpoint, known)
            listening = f"127.0.0.1:{port or self.port}"
            known.learn(f"127.0.0.1:{recorded}", listening)
            entry = registration(f"https://{listening}{path}", authority or self.authority, **changes)
            _register(endpoint, kind, entry)

        return step

    def _side_effects(self, endpoint: Endpoint, known: Known) -> None:
        """An old registration, which version 1 would refuse: written straight into the store."""
        assert endpoint.cluster is not None
        url = f"https://127.0.0.1:{self.port}/n"
        entry = registration(url, self.authority, sideEffects="Some")
        body = {"metadata": {"name": "rec", "uid": "side-effects"}, "webhooks": [entry]}
        endpoint.cluster.store.put("validatingwebhookconfigurations.admissionregistration.k8s.io", body)


@contextmanager
def admission_steps(*, real: bool) -> Iterator[dict[str, Step]]:
    """What happens before each case, with a webhook that listens meanwhile (a real server has none)."""
    steps = {**POLICY_STEPS, "quota-exceeded": _quota}
    if real:
        yield steps
        return
    with webhook() as (port, authority):
        yield steps | Webhooks(port, authority).steps()


def _register(endpoint: Endpoint, kind: str, entry: Json) -> None:
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": f"{kind}WebhookConfiguration"}
    path = f"{REGISTRATIONS}/{kind.lower()}webhookconfigurations"
    must(endpoint, "POST", path, {**head, "metadata": {"name": "rec"}, "webhooks": [entry]})


def _unregistered(endpoint: Endpoint, known: Known) -> None:
    for kind in ("validating", "mutating"):
        endpoint.json("DELETE", f"{REGISTRATIONS}/{kind}webhookconfigurations/rec")


def _quota(endpoint: Endpoint, known: Known) -> None:
    _unregistered(endpoint, known)
    make_namespaces(endpoint, known, "shop")
    hard = {"count/configmaps": "0"}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}
    must(endpoint, "POST", f"/api/v1/namespaces/{known.namespace('shop')}/resourcequotas", body)


def _another_authority() -> Iterator[bytes]:
    with TemporaryDirectory(prefix="webhook-") as directory:
        yield tls_files(Path(directory), "other").ca.read_bytes()


@contextmanager
def _free_port() -> Iterator[int]:
    """A port that nobody listens on once this is left."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Webhook) as server:
        yield server.server_address[1]
