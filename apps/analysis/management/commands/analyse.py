"""`manage.py analyse --manifests DIR`: what is wrong in a directory of manifests."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from apps.analysis.management.manifests import ManifestsCommand
from apps.analysis.offline import Offline, file_findings
from apps.analysis.plaintext import analysis_text, finding_json, summary_json
from apps.mesh.analyse import analyse


class Command(ManifestsCommand):
    help = "Checks manifests: which hosts are blocked and why, what Speedscale captures, what is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def answer(self, offline: Offline, options: dict[str, Any]) -> None:
        analysis = analyse(offline.snapshot, self.hostset(options))
        located = [
            (finding, problem.file, problem.line or None)
            for finding, problem in file_findings(offline.problems)
        ]
        located += [(finding, *offline.locate(finding.ref, finding.path)) for finding in analysis.findings]
        located.sort(key=lambda item: item[0].severity.rank)
        summary = summary_json(analysis, offline, [finding for finding, _, _ in located])
        if options["format"] == "json":
            findings = [finding_json(*item) for item in located]
            self.stdout.write(json.dumps({"findings": findings, "summary": summary}, indent=2))
        else:
            self.stdout.write(analysis_text(summary, located))
