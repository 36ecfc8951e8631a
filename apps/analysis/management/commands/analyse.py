"""`manage.py analyse --manifests DIR`: what is wrong in a directory of manifests, for people and pipelines.

The exit code is 0 when nothing is as severe as `--fail-on` asks, 1 when a finding that nobody suppressed
is, and 2 when the input cannot be used.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from apps.analysis.located import fails, located, notes
from apps.analysis.management.manifests import ManifestsCommand
from apps.analysis.offline import Offline
from apps.analysis.plaintext import analysis_text, finding_json, summary_json
from apps.analysis.sarif import sarif
from apps.common.clock import now
from apps.mesh.analyse import analyse
from apps.mesh.findings import Severity

NEVER = "never"
FOUND = 1


class Command(ManifestsCommand):
    help = "Checks manifests: which hosts are blocked and why, what Speedscale captures, what is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--format", choices=("text", "json", "sarif"), default="text")
        parser.add_argument(
            "--fail-on",
            choices=(*(severity.value for severity in Severity), NEVER),
            type=str.lower,
            default=NEVER,
            help="exit with 1 when a finding is as severe as this and not suppressed; default: never",
        )

    def answer(self, offline: Offline, options: dict[str, Any]) -> tuple[str, int]:
        today = now().date()
        analysis = analyse(offline.snapshot, self.hostset(options))
        found = located(analysis, offline, today=today)
        told = notes(found, offline, today=today)
        wanted = options["fail_on"]
        code = FOUND if wanted != NEVER and fails(found, Severity(wanted)) else 0
        if options["format"] == "sarif":
            return json.dumps(sarif(found), indent=2), code
        summary = summary_json(analysis, offline, found, told)
        if options["format"] == "json":
            return json.dumps(
                {"findings": [finding_json(item) for item in found], "summary": summary}, indent=2
            ), code
        return analysis_text(summary, found), code
