"""The whole story over REST: what is blocked and why, a change, two approvals, the proof, and back again.

Against a running console (`make run`):

    .venv/bin/python -m bin.rest_walkthrough var/ready.json
    .venv/bin/python -m bin.rest_walkthrough --url http://127.0.0.1:8000 logins.json

The file holds {"url": …, "logins": {"proposer": password, "approver": …, "approver2": …}}. The script makes
itself API tokens, prints every step, and ends with code 1 and a sentence when anything is not as expected.
"""

import argparse
import json
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

WAIT_SECONDS = 180
POLL_SECONDS = 0.7
PEOPLE = {
    "proposer": ["read", "propose"],
    "approver": ["read", "approve"],
    "approver2": ["read", "approve"],
}


class SurpriseError(Exception):
    """Something was not as expected; the message says what."""


class Person:
    """Somebody with a token of their own."""

    def __init__(self, url: str, name: str, password: str, scopes: list[str]) -> None:
        self.name = name
        self.http = httpx.Client(base_url=url, timeout=30)
        token = self._token(url, password, scopes)
        self.http.headers["Authorization"] = f"Bearer {token}"

    def _token(self, url: str, password: str, scopes: list[str]) -> str:
        with httpx.Client(base_url=url, timeout=30) as browser:
            page = browser.get("/sign-in/")
            mark = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            form = {"username": self.name, "password": password}
            form["csrfmiddlewaretoken"] = mark.group(1) if mark else browser.cookies.get("csrftoken") or ""
            browser.post("/sign-in/", data=form, headers={"Referer": f"{url}/sign-in/"})
            made = browser.post(
                "/api/v1/tokens/",
                json={"name": f"walkthrough {uuid.uuid4().hex[:6]}", "scopes": scopes},
                headers={"X-CSRFToken": browser.cookies.get("csrftoken") or "", "Referer": url},
            )
        if made.status_code != 201:
            raise SurpriseError(f"{self.name} could not make a token: {made.status_code} {made.text[:300]}")
        token: str = made.json()["token"]
        return token

    def get(self, path: str, **query: Any) -> Any:
        return self._checked(self.http.get(f"/api/v1/{path}", params=query), 200)

    def post(self, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.http.post(f"/api/v1/{path}", json=body or {}, headers=names)
        return self._checked(answer, status)

    def _checked(self, answer: httpx.Response, status: int) -> Any:
        if answer.status_code != status:
            raise SurpriseError(
                f"{answer.request.method} {answer.request.url.path} by {self.name} gave "
                f"{answer.status_code} instead of {status}: {answer.text[:400]}"
            )
        return answer.json()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("logins", type=Path, help="the file with the logins, such as var/ready.json")
    parser.add_argument("--url", help="where the console answers; in the file if it is left out")
    parser.add_argument("--cluster", default="prod-eu-1")
    asked = parser.parse_args(arguments)
    try:
        known = json.loads(asked.logins.read_text(encoding="utf-8"))
        url = (asked.url or known["url"]).rstrip("/")
        logins = known.get("logins", known)
        people = {name: Person(url, name, logins[name], scopes) for name, scopes in PEOPLE.items()}
        walk(people["proposer"], [people["approver"], people["approver2"]], asked.cluster)
    except (SurpriseError, httpx.HTTPError, OSError, KeyError, ValueError) as error:
        print(f"\nNot as expected: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print("\nEverything went as expected.")
    return 0


def walk(proposer: Person, approvers: list[Person], cluster: str) -> None:
    """Blocked → explained → proposed → approved → applied → confirmed → open → reverted → blocked."""
    scope, host, before = find_blocked(proposer, cluster)
    explain(proposer, cluster, scope, host)
    change = propose(proposer, cluster, scope["key"], host)
    carry_out(proposer, approvers, change)
    expect_cell(proposer, cluster, scope["key"], host, blocked=False)
    say(f"Putting it back: a change of its own, from what CS-{change} found")
    back = proposer.post(f"changes/{change}/revert/", status=201, Idempotency_Key=str(uuid.uuid4()))
    carry_out(proposer, approvers, back["id"])
    after = expect_cell(proposer, cluster, scope["key"], host, blocked=True)
    if after != before:
        raise SurpriseError(f"After the revert the verdict is {after}, and it was {before}.")


def find_blocked(person: Person, cluster: str) -> tuple[dict[str, Any], str, str]:
    say(f"Looking for a required host that is blocked in {cluster}")
    wait_for(lambda: person.get(f"clusters/{cluster}/egress/")["scopes"], f"{cluster} has been read")
    matrix = person.get(f"clusters/{cluster}/egress/")
    tiers = {entry["host"]: entry["tier"] for entry in matrix["hosts"]}
    for scope in matrix["scopes"]:
        for host, verdict in scope["verdicts"].items():
            if (
                verdict.startswith("blocked")
                and tiers[host] != "informational"
                and mendable(person, cluster, scope, host)
            ):
                show(f"{host} is {verdict} for {len(scope['workloads'])} workloads ({scope['label']})")
                return scope, host, verdict
    raise SurpriseError(f"Nothing is blocked in {cluster} that the console could mend.")


def mendable(person: Person, cluster: str, scope: dict[str, Any], host: str) -> bool:
    fix = explanation(person, cluster, scope, host)["fix"]
    return bool(fix and fix["remedy"] == "open-required-hosts")


def explanation(person: Person, cluster: str, scope: dict[str, Any], host: str) -> Any:
    probe = host.replace("*", "any")
    workload = scope["workloads"][0]
    return person.get("egress/explain/", cluster=cluster, workload=workload, host=probe)


def explain(person: Person, cluster: str, scope: dict[str, Any], host: str) -> None:
    say(f"Why: {scope['workloads'][0]} → {host}")
    found = explanation(person, cluster, scope, host)
    for step in found["evidence"]:
        ref = step["ref"]
        where = f"  [{ref['kind']} {ref['namespace']}/{ref['name']} {step['path']}]" if ref else ""
        show(f"{step['title']}: {step['text']}{where}")
    show(f"Fix: {found['fix']['text']}")


def propose(person: Person, cluster: str, scope: str, host: str) -> int:
    say("Proposing the smallest change that mends it")
    key = str(uuid.uuid4())
    body = {"cluster": cluster, "scope": scope, "host": host, "reason": "REST walkthrough."}
    change = person.post("changes/", body, status=201, Idempotency_Key=key)
    again = person.post("changes/", body, status=201, Idempotency_Key=key)
    if again["id"] != change["id"]:
        raise SurpriseError("The same Idempotency-Key made a second change.")
    show(f"{change['number']}: {change['title']} (asked twice, made once)")
    for item in person.get(f"changes/{change['id']}/diff/"):
        show(f"{item['action']} {item['object']}: {', '.join(f['path'] for f in item['changes'])[:100]}")
    difference = change["prediction"][cluster]["difference"]
    show(
        f"Predicted: {len(difference['opened'])} cells open, {len(difference['closed'])} close, "
        f"{len(difference['newly_broken'])} scopes lose something"
    )
    if difference["newly_broken"]:
        raise SurpriseError("The generated change would break something.")
    number: int = change["id"]
    return number


def carry_out(proposer: Person, approvers: list[Person], change: int) -> None:
    """Submit, approve as often as needed, follow it to «applied»."""
    pending = submit(proposer, change)
    required = pending["policy"]["required"]
    show(f"Dry run accepted; digest {pending['digest'][:12]}…; {required} approvals needed")
    refused = proposer.http.post(f"/api/v1/changes/{change}/approve/", json={"digest": pending["digest"]})
    if refused.status_code != 403:
        raise SurpriseError(f"The author's own approval gave {refused.status_code}, not 403.")
    show(f"The author cannot approve: {refused.json()['detail']}")
    wrong = approvers[0].http.post(f"/api/v1/changes/{change}/approve/", json={"digest": "0" * 64})
    if wrong.status_code != 412:
        raise SurpriseError(f"A wrong digest gave {wrong.status_code}, not 412.")
    for person in approvers[:required]:
        person.post(f"changes/{change}/approve/", {"comment": "Read."}, If_Match=f'"{pending["digest"]}"')
        show(f"{person.name} approved")
    follow(proposer, change)


def submit(proposer: Person, change: int) -> Any:
    say(f"Submitting CS-{change}: a dry run on the cluster")
    proposer.post(f"changes/{change}/submit/")
    found = settled(proposer, change, {"validating"})
    if found["state"] == "draft" and not found["can"]["take_over"]:
        show(found["state_message"])
        say("Asking, visibly, to take these fields over")
        proposer.post(f"changes/{change}/take-over/")
        proposer.post(f"changes/{change}/submit/")
        found = settled(proposer, change, {"validating"})
    if found["state"] != "pending":
        raise SurpriseError(f"CS-{change} is {found['state']}: {found['state_message']}")
    return found


def follow(person: Person, change: int) -> None:
    say(f"Following CS-{change}")
    seen, deadline = 0, time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for event in person.get(f"changes/{change}/events/", after=seen, page_size=200)["results"]:
            seen = event["id"]
            show(f"{event['at'][11:19]} {event['actor']}: {event['text']}")
        found = person.get(f"changes/{change}/")
        if found["state"] == "applied" and found["verification"]["confirmed"]:
            return
        if found["state"] not in {"pending", "approved", "queued", "applying", "verifying", "applied"}:
            raise SurpriseError(f"CS-{change} ended {found['state']}: {found['state_message']}")
        time.sleep(POLL_SECONDS)
    raise SurpriseError(f"CS-{change} did not come to an end within {WAIT_SECONDS} s.")


def settled(person: Person, change: int, moving: set[str]) -> Any:
    wait_for(
        lambda: person.get(f"changes/{change}/")["state"] not in moving, f"CS-{change} is no longer {moving}"
    )
    return person.get(f"changes/{change}/")


def expect_cell(person: Person, cluster: str, scope: str, host: str, *, blocked: bool) -> str:
    say(f"The cell of the matrix: {host}")
    matrix = person.get(f"clusters/{cluster}/egress/")
    verdict: str = next(row for row in matrix["scopes"] if row["key"] == scope)["verdicts"][host]
    if verdict.startswith("blocked") is not blocked:
        raise SurpriseError(f"{host} is {verdict}, which is not what should be there now.")
    show(f"{host} is {verdict}")
    return verdict


def wait_for(condition: Any, what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SurpriseError(f"Waited {WAIT_SECONDS} s in vain until {what}.")
        time.sleep(POLL_SECONDS)


def say(text: str) -> None:
    print(f"\n▸ {text}", flush=True)


def show(text: str) -> None:
    print("\n".join(f"    {line}" for line in text.splitlines()), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
