"""Released files by name, from a server on this machine: resumed, compared with their hash, never half."""

import hashlib
import http.server
import re
import threading

import numpy as np
import pytest
import torch

from mixer_lib.pretrained import KNOWN, cache_folder, download, load_released
from mixer_lib.pretrained.layouts import FLAX
from mixer_lib.pretrained.names import Released
from released_files import flax_arrays, forward

NAME = "Mixer-B_16 imagenet21k"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's one file. Each of its `breaks` ends a connection after so many bytes."""

    def do_GET(self):
        server, data = self.server, self.server.data
        server.asked.append(self.headers.get("Range"))
        if server.status != 200:
            return self.send_error(server.status)
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if server.ranges else None
        start = int(match[1]) if match else 0
        if match and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if match else 200)
        if match:
            self.send_header("Content-Range", f"bytes {start + server.shift}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:start + server.breaks.pop(0)] if server.breaks else data[start:])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", **flax_arrays(blocks=1))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.data, running.asked, running.breaks = (tmp_path / "a.npz").read_bytes(), [], []
        running.status, running.ranges, running.shift = 200, True, 0
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        running.url = f"http://127.0.0.1:{running.server_port}/imagenet21k/Mixer-B_16.npz"
        monkeypatch.setenv("MIXER_LIB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        running.path = tmp_path / "cache/imagenet21k/Mixer-B_16.npz"
        running.part = running.path.with_name("Mixer-B_16.npz.part")
        serve(running, monkeypatch)
        yield running
        running.shutdown()
        thread.join()


def serve(server, monkeypatch, sha256=None):
    monkeypatch.setitem(KNOWN, NAME, Released(server.url, FLAX, {"crop": 0.5}, sha256))


def failed(server, message):
    """The download must fail with one line that says what to fetch and where to put it."""
    with pytest.raises(OSError, match=message) as error:
        load_released(NAME)
    line = str(error.value)
    assert "\n" not in line and NAME in line and f"fetch {server.url} by hand and save it as {server.path}" in line
    assert not server.path.exists()


def test_download_once(server, capsys):
    model, about = load_released(NAME)
    x = np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32)
    with torch.no_grad():
        assert np.abs(model(torch.from_numpy(x)).numpy() - forward(flax_arrays(blocks=1), x, "tanh")).max() < 1e-5
    assert about.preprocessing["crop"] == 0.5 and about.file == str(server.path)
    assert NAME in capsys.readouterr().err                  # the progress bar
    server.status = 500
    load_released(NAME)                                     # from the cache
    assert server.asked == [None] and server.path.read_bytes() == server.data and not server.part.exists()


@pytest.mark.parametrize("breaks", [[1000], [1000, 1, 2000], [8000]])
def test_broken_connection_is_resumed(server, breaks):
    server.breaks = [*breaks]
    load_released(NAME)
    starts = [f"bytes={sum(breaks[:n])}-" for n in range(1, len(breaks) + 1)]
    assert server.asked == [None, *starts] and server.path.read_bytes() == server.data and not server.part.exists()


def test_what_came_is_kept_for_the_next_call(server):
    server.breaks = [1000, 0, 0]
    failed(server, r"the connection broke off after 1,000 of .*\). 1,000 bytes of it are kept")
    assert server.part.read_bytes() == server.data[:1000] and server.asked == [None, "bytes=1000-"]
    server.breaks = []
    load_released(NAME)
    assert server.asked[2:] == ["bytes=1000-"] and server.path.read_bytes() == server.data


def test_server_that_knows_no_ranges_sends_all_again(server):
    server.ranges, server.breaks = False, [1000]
    load_released(NAME)
    assert server.asked == [None, "bytes=1000-"] and server.path.read_bytes() == server.data


def test_another_range_than_the_missing_one_is_not_taken(server):
    server.shift, server.breaks = 5, [1000]
    failed(server, "the server sent another part")
    assert server.part.read_bytes() == server.data[:1000]


@pytest.mark.parametrize("extra", [b"", b"x"])
def test_part_that_is_whole_or_too_long(server, extra):
    server.part.parent.mkdir(parents=True)
    server.part.write_bytes(server.data + extra)
    load_released(NAME)
    assert server.path.read_bytes() == server.data and len(server.asked) == 1 + len(extra)


def test_hash(server, monkeypatch):
    digest = hashlib.sha256(server.data).hexdigest()
    serve(server, monkeypatch, sha256=digest[:8])
    load_released(NAME)
    server.path.unlink()
    serve(server, monkeypatch, sha256="0123abcd")
    failed(server, f"its SHA-256 begins with {digest[:8]}, expected 0123abcd. Nothing of it was kept")
    assert not server.part.exists()


@pytest.mark.parametrize("status, words", [(404, "404 Not Found"), (403, "403 Forbidden"), (503, "503 Service Unav")])
def test_errors_of_the_server(server, status, words):
    server.status = status
    failed(server, f"cannot download {NAME}: {server.url} answers {words}")
    assert server.asked == [None]


def test_no_network(server, monkeypatch):
    server.url = "http://127.0.0.1:9/imagenet21k/Mixer-B_16.npz"           # where nothing answers
    serve(server, monkeypatch)
    failed(server, "Connection refused.* Try again with a network")


def test_folder_that_cannot_be_made(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIXER_LIB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match=r"cannot download .*Not a directory"):
        load_released(NAME)


def test_file_put_there_by_hand(server):
    server.status = 404
    server.path.parent.mkdir(parents=True)
    server.path.write_bytes(server.data)
    assert load_released(NAME)[0].num_classes == 5 and not server.asked


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("MIXER_LIB_CACHE", raising=False)
    assert cache_folder().parts[-3:] == (".cache", "mixer_lib", "weights")
    monkeypatch.setenv("MIXER_LIB_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    assert len({download.cached(one) for one in KNOWN.values()}) == len(KNOWN)
