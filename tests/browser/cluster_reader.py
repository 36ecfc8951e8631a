"""Reads a demonstration cluster past the console: HTTPS, the cluster's own CA, a token."""

from __future__ import annotations

import json
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bin.launcher.stack import Stack


@dataclass(frozen=True, slots=True)
class ClusterReader:
    url: str
    ca_file: Path
    token: str

    @classmethod
    def of(cls, stack: Stack, name: str) -> Self:
        found = next(cluster for cluster in stack.fleet if cluster["name"] == name)
        return cls(found["url"], Path(found["ca_file"]), found["tokens"]["admin"])

    def service_entries(self) -> dict[str, dict[str, Any]]:
        """Every ServiceEntry by `namespace/name`."""
        answer = self.get("/apis/networking.istio.io/v1/serviceentries")
        return {f"{i['metadata']['namespace']}/{i['metadata']['name']}": i for i in answer["items"]}

    def get(self, path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        request = urllib.request.Request(self.url + path, headers=headers)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found
