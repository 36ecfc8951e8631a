"""`manage.py simcluster_control`: the control API of a running `manage.py simcluster`, for scripts.

It translates words into requests and prints the JSON that comes back; what is allowed is said by the API.
"""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from django.core.management.base import BaseCommand, CommandError

# word -> what it takes, method, path after the cluster, and the body made of what it takes
_Action = tuple[str, str, str, Callable[[str], str] | None]
_ACTIONS: dict[str, _Action] = {
    "show": ("", "GET", "", None),
    "list": ("", "GET", "/faults", None),
    "add": ("FAULT_JSON", "POST", "/faults", str),
    "remove": ("FAULT_ID", "DELETE", "/faults/{}", None),
    "clear": ("", "DELETE", "/faults", None),
    "outage": ("OUTAGE", "PUT", "/outage", lambda given: json.dumps({"outage": given})),
    "revoke": ("USER", "POST", "/tokens/{}/revoke", None),
    "restore": ("USER", "POST", "/tokens/{}/restore", None),
    "rotate": (
        "same|new",
        "POST",
        "/certificate/rotate",
        lambda given: json.dumps({"authority": given}),
    ),
    "skew": ("SECONDS", "PUT", "/clock", lambda given: f'{{"skew_seconds": {given}}}'),
    "requests": ("SINCE", "GET", "/requests?since={}", None),
    "compact": ("", "POST", "/compact", None),
    "reset": ("", "POST", "/reset", None),
}


class Command(BaseCommand):
    help = "Disturb a running simulated cluster: faults, outages, tokens, certificates, clock."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--ready-file", type=Path, required=True, help="ready file of `simcluster`")
        parser.add_argument("--cluster", help="name of the cluster; the first of the fleet without it")
        words = parser.add_subparsers(dest="action", required=True)
        for action, (takes, *_) in _ACTIONS.items():
            word = words.add_parser(action)
            if takes:
                word.add_argument("given", metavar=takes)

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with what the API says."""
        try:
            ready = json.loads(options["ready_file"].read_text())
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['ready_file']} cannot be read: is the fleet up?") from error
        name = options["cluster"] or ready["clusters"][0]["name"]
        _, method, path, body = _ACTIONS[options["action"]]
        given = options.get("given", "")
        try:
            answer = httpx.request(
                method,
                f"{ready['control']['url']}/clusters/{name}{path.format(quote(given, safe=''))}",
                content=body(given) if body else None,
                headers={"Authorization": f"Bearer {ready['control']['token']}"},
            )
        except httpx.HTTPError as error:
            raise CommandError(f"The control API does not answer: {error}.") from error
        if not answer.is_success:
            raise CommandError(answer.json()["error"])
        self.stdout.write(json.dumps(answer.json(), indent=2))
