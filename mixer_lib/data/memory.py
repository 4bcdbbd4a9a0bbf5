"""How much memory there is."""

from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")         # where a container on Linux states its limit


def free_memory():
    """Bytes that a program can still take: those of the machine, or of its container where that has a lower limit."""
    free = psutil.virtual_memory().available
    try:
        limit, used = (int((CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):       # no container, or "max": no limit
        return free
    return min(free, limit - used + int(stat.get("inactive_file", 0)))      # what only caches files is given back
