"""What goes wrong with a cluster as a whole while it runs: credentials, certificates, the clock."""

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256

import httpx
import pytest

from apps.simcluster.access import User
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster
from apps.simcluster.outages import Outage
from tests.factories.fleet import client

MAPS = "/api/v1/namespaces/shop/configmaps"
ACCOUNTS = "/api/v1/namespaces/shop/serviceaccounts"
ROBOT = "system:serviceaccount:shop:robot"
HOUR = 3600
SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


@pytest.fixture(scope="module")
def fleet_specs() -> list[ClusterSpec]:
    reader = User("reader", rules=({"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},))
    return [ClusterSpec("disturbed", manifests=[SHOP], users=[(reader, None)])]


def status(cluster: SimulatedCluster, user: str = "admin") -> int:
    with client(cluster, user) as http:
        return http.get(MAPS).status_code


def robot_token(cluster: SimulatedCluster) -> str:
    with client(cluster) as http:
        http.post(ACCOUNTS, json={"metadata": {"name": "robot"}})
        answer = http.post(f"{ACCOUNTS}/robot/token", json={"spec": {"expirationSeconds": HOUR}})
        return str(answer.json()["status"]["token"])


def whoami(cluster: SimulatedCluster, token: str) -> int:
    with client(cluster) as http:
        http.headers["Authorization"] = f"Bearer {token}"
        return http.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json={}).status_code


def test_the_token_of_one_user_is_revoked_and_restored(sim: SimulatedCluster) -> None:
    sim.revoke_token("reader")
    assert (status(sim, "reader"), status(sim)) == (401, 200)
    sim.restore_token("reader")
    assert status(sim, "reader") == 200


def test_all_tokens_are_revoked_those_of_service_accounts_too(sim: SimulatedCluster) -> None:
    token = robot_token(sim)
    assert whoami(sim, token) == 201
    sim.revoke_token("*")
    assert (status(sim), status(sim, "reader"), whoami(sim, token)) == (401, 401, 401)
    sim.restore_token("*")
    assert (status(sim), whoami(sim, token)) == (200, 201)
    sim.revoke_token(ROBOT)
    assert (status(sim), whoami(sim, token)) == (200, 401)


def test_another_certificate_of_the_same_authority_is_trusted(sim: SimulatedCluster) -> None:
    with client(sim) as known:
        before, ca = sim.certificate.files.fingerprint, sim.ca_pem
        sim.certificate.rotate(new_authority=False)
        assert presented(sim) == sim.certificate.files.fingerprint != before
        assert sim.ca_pem == ca
        assert known.get(MAPS).status_code == 200


def presented(cluster: SimulatedCluster) -> str:
    """The fingerprint of the certificate that a new connection gets."""
    context = ssl.create_default_context(cadata=cluster.ca_pem)
    with httpx.Client(verify=context) as http, http.stream("GET", f"{cluster.url}/version") as answer:
        der = answer.extensions["network_stream"].get_extra_info("ssl_object").getpeercert(True)
    return sha256(der).hexdigest()


def test_a_certificate_of_another_authority_is_refused_by_who_trusts_the_first(
    sim: SimulatedCluster,
) -> None:
    first = sim.ca_pem
    with client(sim) as connected:
        assert connected.get(MAPS).status_code == 200
        sim.certificate.rotate(new_authority=True)
        assert connected.get(MAPS).status_code == 200, "an open connection goes on"
    with (
        httpx.Client(verify=ssl.create_default_context(cadata=first)) as stranger,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        stranger.get(sim.url)
    assert status(sim) == 200, "who trusts the new authority gets in"
    sim.certificate.rotate(new_authority=False)
    assert status(sim) == 200
    sim.reset()
    assert sim.ca_pem == first
    assert status(sim) == 200


def created(cluster: SimulatedCluster, name: str) -> tuple[datetime, datetime]:
    """The time of the answer and that of the object that was made."""
    with client(cluster) as http:
        answer = http.post(MAPS, json={"metadata": {"name": name}})
    stamp = answer.json()["metadata"]["creationTimestamp"]
    return parsedate_to_datetime(answer.headers["date"]), datetime.fromisoformat(stamp)


@pytest.mark.parametrize("hours", [-2, 0, 48])
def test_a_skewed_clock_is_seen_in_answers_and_objects(sim: SimulatedCluster, hours: int) -> None:
    sim.skew_clock(hours * HOUR)
    wanted = datetime.now(UTC) + timedelta(hours=hours)
    for seen in created(sim, f"skewed{hours}"):
        assert abs(seen - wanted) < timedelta(seconds=5)


def test_there_is_one_date_in_an_answer(sim: SimulatedCluster) -> None:
    with client(sim) as http:
        assert len(http.get(MAPS).headers.get_list("date")) == 1


def test_a_token_ends_earlier_when_the_clock_goes_before(sim: SimulatedCluster) -> None:
    token = robot_token(sim)
    sim.skew_clock(HOUR - 60)
    assert whoami(sim, token) == 201
    sim.skew_clock(HOUR + 60)
    assert whoami(sim, token) == 401


def test_a_reset_ends_everything_but_keeps_objects(sim: SimulatedCluster) -> None:
    before = sim.certificate.files
    created(sim, "kept")
    sim.faults.outage = Outage.OVERLOADED
    sim.revoke_token("*")
    sim.skew_clock(HOUR)
    sim.certificate.rotate(new_authority=True)
    sim.reset()
    assert (sim.certificate.files, sim.skew_seconds, sim.faults.outage) == (before, 0, Outage.NONE)
    assert status(sim) == 200
    assert sim.store.get("configmaps", "shop", "kept") is not None
