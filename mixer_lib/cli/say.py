"""What a command says beside its results."""

import re
import sys
import time

from ..training import processes


def say(text):
    """Print one line on the error output, after the results that were printed before it. Of several processes the main
    one does."""
    if processes.rank():
        return
    if sys.stdout:      # None where it was closed
        sys.stdout.flush()
    print(re.sub(r"\s*\n\s*", " ", text.strip()), file=sys.stderr)


def say_error(error):
    """Print an error in one line, whichever process it is in. The others wait, since the main one may have the same:
    torchrun then ends them. As long as they wait, the main one does not see them gone."""
    rank = processes.rank()
    if rank:
        time.sleep(2)
    print(f"error{f' in process {rank}' if rank else ''}: " + re.sub(r"\s*\n\s*", " ", str(error).strip()),
          file=sys.stderr, flush=True)
