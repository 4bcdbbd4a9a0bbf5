"""What a command says beside its results."""

import re
import sys


def say(text):
    """Print one line on the error output, after the results that were printed before it."""
    if sys.stdout:      # None where it was closed
        sys.stdout.flush()
    print(re.sub(r"\s*\n\s*", " ", text.strip()), file=sys.stderr)
