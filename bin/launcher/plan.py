"""The commands of the product's processes and the environment they share."""

import json
import sys
from collections.abc import Mapping

from bin.launcher.broker import Broker
from bin.launcher.ports import LOOPBACK
from bin.launcher.state import PEOPLE, StateDirectory

SCENARIOS = "apps/simcluster/scenarios"
WORKER_PROCESSES = 2
USUAL_STOP_SECONDS = 10.0
# A worker ends the task in its hands first; the others have nothing to finish.
STOP_SECONDS = {"worker": 20.0}


def environment(
    state: StateDirectory, kept: Mapping[str, str], around: Mapping[str, str], asked: Mapping[str, str]
) -> dict[str, str]:
    """What every process gets: what is `around`, our secrets where it has none, and what was `asked` for."""
    ours = {
        "DJANGO_SECRET_KEY": kept["DJANGO_SECRET_KEY"],
        "MESHCONSOLE_ENCRYPTION_KEYS": kept["MESHCONSOLE_ENCRYPTION_KEYS"],
        "MESHCONSOLE_AUDIT_KEY": kept["MESHCONSOLE_AUDIT_KEY"],
        "MESHCONSOLE_AUDIT_FILE": str(state.root / "audit-checkpoints.jsonl"),
        "MESHCONSOLE_LOG_FORMAT": "text",
    }
    passwords = {person.username: kept[f"DEMO_PASSWORD_{person.username.upper()}"] for person in PEOPLE}
    fixed = {
        "DJANGO_SETTINGS_MODULE": "meshconsole.settings.local",
        "MESHCONSOLE_STATE_DIR": str(state.root),
        "MESHCONSOLE_DEMO_PASSWORDS": json.dumps(passwords),
        "PYTHONUNBUFFERED": "1",
    }
    return ours | dict(around) | fixed | dict(asked)


def command(name: str, state: StateDirectory, broker: Broker, web_port: int) -> list[str]:
    """How the service called `name` is started."""
    python = [sys.executable]
    celery = [*python, "-m", "celery", "-A", "meshconsole"]
    commands = {
        "valkey": broker.command,
        "simcluster": [
            *(*python, "manage.py", "simcluster", "--scenario", SCENARIOS),
            *("--state-dir", str(state.simcluster), "--ready-file", str(state.fleet)),
        ],
        "worker": [
            *(*celery, "worker", "--loglevel", "INFO", "-Q", "default,apply"),
            *("-c", str(WORKER_PROCESSES), "--without-gossip", "--without-mingle"),
        ],
        "beat": [
            *(*celery, "beat", "--loglevel", "INFO", "--pidfile="),
            *("--schedule", str(state.root / "beat-schedule")),
        ],
        "web": [
            *(*python, "-m", "uvicorn", "meshconsole.asgi:application", "--host", LOOPBACK),
            *(
                "--port",
                str(web_port),
                "--no-access-log",
                "--lifespan",
                "off",
                "--timeout-graceful-shutdown",
                "3",
            ),
        ],
    }
    return commands[name]
