"""Fetch a released file into a cache: with progress, resumed where it broke off, and compared with its hash."""

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

TIMEOUT = 30            # seconds without a byte
CHUNK = 2**20


def cache_folder():
    """Where downloaded weights lie: the folder that the environment variable MIXER_LIB_CACHE names, else
    ~/.cache/mixer_lib/weights."""
    return Path(os.environ.get("MIXER_LIB_CACHE") or Path.home() / ".cache" / "mixer_lib" / "weights").expanduser()


def cached(released):
    """The path that a `Released` file has in the cache, whether it is there or not: the end of its address."""
    return cache_folder().joinpath(*released.url.split("/")[-2:])


def fetch(name, released):
    """The path of a `Released` file, downloaded into the cache if it is not there.

    It is called .part until it is whole and its hash is right. What a broken connection left of it is gone on with, at
    once or by the next call. Raises OSError, with one line that says what to fetch by hand and where to put it, if it
    cannot be had or has another hash."""
    path = cached(released)
    if path.is_file():
        return path
    part, by_hand = path.with_name(path.name + ".part"), f"or fetch {released.url} by hand and save it as {path}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            before = _size(part)
            try:
                _receive(released.url, part, name)
                break
            except urllib.error.HTTPError:
                raise
            except (OSError, http.client.HTTPException):
                if _size(part) <= before:       # else the connection brought something, and the next one may, too
                    raise
    except urllib.error.HTTPError as error:
        raise OSError(f"cannot download {name}: {released.url} answers {error.code} {error.reason}. Try again later, "
                      f"{by_hand}") from None
    except (OSError, http.client.HTTPException) as error:
        kept = f" {_size(part):,} bytes of it are kept, and the next try goes on from there." if _size(part) else ""
        raise OSError(f"cannot download {name} ({getattr(error, 'reason', error)}).{kept} Try again with a network, "
                      f"{by_hand}") from None
    found = _sha256(part)
    if not found.startswith(released.sha256 or ""):
        part.unlink()
        raise OSError(f"what {released.url} sent for {name} is damaged or another file: its SHA-256 begins with "
                      f"{found[:8]}, expected {released.sha256}. Nothing of it was kept. Try again, {by_hand}")
    os.replace(part, path)
    return path


def _receive(url, part, name):
    """Append what is missing of a file to `part`, in one connection. Raises OSError or HTTPException if it breaks."""
    have = _size(part)
    headers = {"User-Agent": "mixer_lib", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        if error.headers.get("Content-Range") != f"bytes */{have}":     # else all of it was there
            part.unlink()
            _receive(url, part, name)
        return
    with response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise OSError("the server sent another part than the one that is missing")
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with open(part, "ab" if resumed else "wb") as file, tqdm(
                desc=name, total=total, initial=have, unit="B", unit_scale=True, unit_divisor=1024) as bar:
            while data := response.read(CHUNK):
                file.write(data)
                bar.update(len(data))
    if total is not None and _size(part) != total:
        raise OSError(f"the connection broke off after {_size(part):,} of {total:,} bytes")


def _size(path):
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
    return digest.hexdigest()
