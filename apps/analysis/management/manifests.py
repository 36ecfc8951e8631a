"""What the commands that work on files share: where the files are, which hosts are meant, how they fail."""

from __future__ import annotations

import gc
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.analysis import hostfile, ignorefile
from apps.analysis.offline import Offline, read
from apps.common.errors import ConsoleError, InvalidInputError
from apps.mesh.hostsets import (
    APP_HOST,
    DEFAULT_APP_HOST,
    DEFAULT_REGION,
    FIRST_EDITION,
    REGION,
    SPEEDSCALE,
    HostSet,
    Needed,
)
from apps.mesh.parsing.directories import why

USAGE_ERROR = 2


class ManifestsCommand(BaseCommand):
    """Fails with a sentence on stderr and exit code 2; needs neither database nor settings to be right."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--manifests", type=Path, required=True, help="directory with YAML files")
        parser.add_argument(
            "--suppressions", type=Path, metavar="FILE", help=f"default: {ignorefile.NAME} in that directory"
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="write the answer there instead")
        parser.add_argument("--region", default=DEFAULT_REGION, help="AWS region of the Speedscale tenant")
        parser.add_argument("--app-host", default=DEFAULT_APP_HOST, help="host of the Speedscale tenant")
        parser.add_argument(
            "--hosts",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="an edition of Speedscale's hosts instead of the built-in one, or another set (repeatable)",
        )
        parser.add_argument(
            "--needed-in",
            action="append",
            default=[],
            metavar="NAMESPACE",
            help="where the hosts of other sets are needed; * and ? are wildcards (repeatable)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        code = 0
        gc.disable()  # a short life that builds millions of YAML nodes: collecting doubles the time
        try:
            text, code = self.answer(read(options["manifests"], options["suppressions"]), options)
            self._write(text, options["output"])
        except ConsoleError as error:
            raise CommandError(error.message, returncode=USAGE_ERROR) from error
        except BrokenPipeError:
            sys.stderr.close()
        finally:
            gc.enable()
        if code:
            sys.exit(code)

    def answer(self, offline: Offline, options: dict[str, Any]) -> tuple[str, int]:
        """The command's answer as text, and its exit code."""
        raise NotImplementedError

    def _write(self, text: str, output: Path | None) -> None:
        if output is None:
            self.stdout.write(text)
            return
        try:
            output.write_text(f"{text.rstrip()}\n", "utf-8")
        except OSError as error:
            raise InvalidInputError(f"{output} cannot be written: {why(error)}.") from error

    def hostset(self, options: dict[str, Any]) -> HostSet:
        """Speedscale's hosts, and the other sets that were given. Raises InvalidInputError."""
        chosen = {REGION: options["region"].strip(), APP_HOST: options["app_host"].strip().lower()}
        for name, value in chosen.items():
            if not hostfile.PARAMETER.match(value):
                option = f"--{name.replace('_', '-')}"
                raise InvalidInputError(f"{option} {value!r} cannot be a part of a host name.", field=name)
        defaults = {REGION: DEFAULT_REGION, APP_HOST: DEFAULT_APP_HOST}
        found, beside = FIRST_EDITION, []
        for path in options["hosts"]:
            given = _edition(path)
            if given.name == SPEEDSCALE:
                found = given
            else:
                beside.append(Needed(given, tuple(options["needed_in"])))
        if options["needed_in"] and not beside:
            raise InvalidInputError(
                "--needed-in is for the hosts of a set that --hosts gives.", field="hosts"
            )
        if chosen != defaults:
            found = found.filled(chosen).settled()
        return replace(found, beside=tuple(beside)) if beside else found


def _edition(path: Path) -> HostSet:
    """The edition of a file; a plain list is one of Speedscale's hosts."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {why(error)}.", field="hosts") from error
    name = "" if hostfile.DOCUMENT.search(text) else SPEEDSCALE
    try:
        return hostfile.read(text, name=name, edition="local", source=path.name, known=FIRST_EDITION)
    except hostfile.HostFileError as error:
        raise InvalidInputError(f"{path}: {error.message}", field="hosts") from error
