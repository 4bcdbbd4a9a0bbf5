"""The command line: python -m mixer_lib train | evaluate | predict | data | info | plan | inspect.

Results go to the standard output and all else to the error output, so that both can be piped.
"""

import atexit
import gc
import os
import sys

from ..training import processes
from .parser import parse
from .say import say, say_error

atexit.register(gc.freeze)      # else Python, at its end, searches all that torch made for garbage: half a second


def main(argv=None):
    """Run one command and return its exit code: 0, 2 for bad input (one line says what), 130 when interrupted, also by
    a pipe that its reader closed."""
    argv = sys.argv[1:] if argv is None else argv
    if not sys.stderr:      # closed; progress bars need one
        sys.stderr = open(os.devnull, "w", encoding="utf-8")        # noqa: SIM115 (until the end)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):      # a name that the encoding lacks ends no command
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            options = parse(argv or ["--help"])
            if processes.rank() and not options.shared:
                return 0        # torchrun started several, and one is enough
            return options.run(options, argv[1:]) or 0
        finally:
            if sys.stdout:          # None where it was closed
                sys.stdout.flush()      # before an error is said; and a closed pipe is noticed here, not after the end
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())      # where Python writes what is left
        return 130
    except (ValueError, OSError, FloatingPointError) as error:
        say_error(error)
        return 2
    except KeyboardInterrupt:       # outside of `fit`, which has its own way to end
        say("interrupted")
        return 130
