"""Kubeconfig files for a simulated cluster's users."""

import base64
from collections.abc import Mapping

import yaml


def kubeconfig_text(cluster: str, url: str, ca_pem: str, tokens: Mapping[str, str]) -> str:
    """A kubeconfig with one context `user@cluster` a user; the first user's is current."""
    users = list(tokens)
    contexts = [
        {"name": f"{user}@{cluster}", "context": {"cluster": cluster, "user": f"{user}@{cluster}"}}
        for user in users
    ]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {
                    "server": url,
                    "certificate-authority-data": base64.b64encode(ca_pem.encode()).decode(),
                },
            }
        ],
        "users": [{"name": f"{user}@{cluster}", "user": {"token": token}} for user, token in tokens.items()],
        "contexts": contexts,
        "current-context": f"{users[0]}@{cluster}",
    }
    return yaml.safe_dump(document, sort_keys=False)
