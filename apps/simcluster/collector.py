"""Pauses Python's cyclic garbage collector while a great many objects are made that hold no cycles.

The collector would look at every live container again and again, which takes most of the time of filling a
large cluster. Reference counting goes on. (The console has its own of this; the two share no code.)
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No collection of cycles inside; as before afterwards. May be nested."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
