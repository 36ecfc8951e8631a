"""`make bench`: makes the environment ready and hands over to bench/run.py."""

import sys

from bin.console_text import Failure, fail
from bin.environment import ROOT, RUNTIME_LOCK, become, ensure


def main(arguments: list[str]) -> int:
    """Replace this process by the benchmark."""
    try:
        ensure(RUNTIME_LOCK)
        script = ROOT / "bench" / "run.py"
        if not script.exists():
            raise Failure("bench/run.py is missing from this checkout, so there is nothing to measure with.")
    except Failure as failure:
        return fail(str(failure))
    return become("bench.run", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
