"""kubectl, where there is one: exports are tried with the program that people use."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from apps.simcluster.kubeconfig import kubeconfig_text
from tests.factories.shop import Shop

KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="There is no kubectl on PATH.")


def kubeconfig(shop: Shop, folder: Path) -> Path:
    """A kubeconfig with the context `rogue@shop` of somebody who may do everything there."""
    path = folder / "kubeconfig"
    path.write_text(
        kubeconfig_text("shop", shop.sim.url, shop.sim.ca_pem, {"rogue": shop.sim.token("rogue")})
    )
    return path


def run(
    *arguments: str, folder: Path, config: Path | None = None, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """A program with nothing of this machine's settings but PATH."""
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder)}
    if config is not None:
        environment["KUBECONFIG"] = str(config)
    return subprocess.run(
        arguments, cwd=folder, env=environment, input=text, capture_output=True, text=True, timeout=120
    )
