"""The state directory: where everything of one running console lives, its secrets made once and kept."""

import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that looks like something else
SOCKET_BYTES = 100  # the kernel takes 107 for the path of a unix socket


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the demonstration: the user name to sign in with and what the role lets them do."""

    username: str
    role: str
    may: str


PEOPLE = (
    Person("viewer", "viewer", "looks at everything"),
    Person("proposer", "proposer", "proposes changes"),
    Person("approver", "approver", "approves or refuses them"),
    Person("approver2", "second approver", "gives the second approval that production asks for"),
    Person("administrator", "administrator", "manages clusters, people and the rest"),
)


@dataclass(frozen=True, slots=True)
class Login:
    """What a person of the demonstration signs in with."""

    username: str
    password: str
    role: str
    may: str


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Paths below one directory that only its owner may read."""

    root: Path

    def prepare(self) -> None:
        """Make the directory and its parts."""
        for part in (self.root, self.logs, self.valkey, self.simcluster):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def simcluster(self) -> Path:
        return self.root / "simcluster"

    @property
    def fleet(self) -> Path:
        """What the simulated clusters say of themselves when they are up."""
        return self.simcluster / "ready.json"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.env"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def processes(self) -> Path:
        """Which processes were started, to end those that a killed launcher left behind."""
        return self.root / "processes.json"

    @property
    def socket(self) -> Path | None:
        """Where the broker listens; None when the path is too long for a socket."""
        path = self.valkey / "valkey.sock"
        return path if len(os.fsencode(path)) <= SOCKET_BYTES else None


def keep_secrets(path: Path) -> dict[str, str]:
    """The secrets in `path`, a file of NAME=value lines; what is missing is made and added."""
    kept = dict(_lines(path))
    missing = {name: value for name, value in _fresh().items() if name not in kept}
    if missing:
        kept |= missing
        text = "".join(f"{name}={value}\n" for name, value in kept.items())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    path.chmod(0o600)
    return kept


def logins(kept: dict[str, str]) -> tuple[Login, ...]:
    """The people of the demonstration with their passwords."""
    return tuple(
        Login(person.username, kept[_password_name(person)], person.role, person.may) for person in PEOPLE
    )


def _lines(path: Path) -> list[tuple[str, str]]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _fresh() -> dict[str, str]:
    keys = {
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(48),
        "MESHCONSOLE_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "MESHCONSOLE_AUDIT_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    return keys | {_password_name(person): _password() for person in PEOPLE}


def _password_name(person: Person) -> str:
    return f"DEMO_PASSWORD_{person.username.upper()}"


def _password() -> str:
    """Three groups of four, some sixty bits: easy to read out, too long to guess."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))
