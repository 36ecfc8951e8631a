"""`make bench…`: make the environment ready and hand over to bench/."""

import sys

from bin.console_text import Failure, fail
from bin.environment import ROOT, RUNTIME_LOCK, become, ensure


def main(arguments: list[str]) -> int:
    """Replace this process by the benchmark."""
    try:
        ensure(RUNTIME_LOCK)
        name = arguments[0] if arguments[:1] in (["simcluster"], ["analyse"], ["apply"]) else "run"
        if not (ROOT / "bench" / f"{name}.py").exists():
            raise Failure(f"bench/{name}.py is missing from this checkout: there is nothing to measure with.")
    except Failure as failure:
        return fail(str(failure))
    return become(f"bench.{name}", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
