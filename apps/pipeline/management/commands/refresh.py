"""`refresh CLUSTER…` or `refresh --all`: reads clusters here and now, without a worker."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.clusters.models import Cluster
from apps.clusters.selectors import refreshable
from apps.inventory import runs
from apps.inventory.models import RefreshRun
from apps.pipeline.refresh import refresh


class Command(BaseCommand):
    help = "Read one or more clusters now and prepare their answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("clusters", nargs="*", metavar="CLUSTER")
        parser.add_argument("--all", action="store_true", help="every cluster that is not paused")

    def handle(self, *args: Any, **options: Any) -> None:
        names: list[str] = options["clusters"]
        if bool(names) == options["all"]:
            raise CommandError("Name one or more clusters, or give --all.")
        found = list(refreshable()) if options["all"] else list(Cluster.objects.filter(name__in=names))
        unknown = sorted(set(names) - {cluster.name for cluster in found})
        if unknown:
            raise CommandError(f"There is no cluster named {', '.join(unknown)}.")
        failed = [cluster.name for cluster in found if not self._refresh(cluster)]
        if failed:
            raise CommandError(f"Not read: {', '.join(failed)}.")

    def _refresh(self, cluster: Cluster) -> bool:
        queued = runs.waiting(cluster) or runs.queue(cluster, "command")
        run = refresh(queued.pk)
        if run is None:
            self.stdout.write(f"{cluster.name}: another worker reads it at this moment.")
            return False
        self.stdout.write(f"{cluster.name}: {run.message} {run.objects_read} objects read.")
        return run.state == RefreshRun.State.DONE
