"""What the tests of data share: an empty folder, a server on this machine, small data sets and pictures."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision import datasets

from course_utils import runtime
from course_utils.data import catalogue, downloads


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Every test has an empty data folder of its own, and no way out to the network."""

    def no_network(request, *_, **__):
        raise urllib.error.URLError(OSError(-2, "Name or service not known"))

    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    monkeypatch.setattr(downloads, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    return tmp_path


# ---------------------------------------------------------------- a server on this machine


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`, with Range unless told not to; `cut` limits the bytes of each answer; `pause` comes before its last half."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.pause, self.ranges, self.asked = {}, None, 0.0, True, []
        self.address = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name, server, given = self.path.lstrip("/"), self.server, self.headers.get("Range")
        server.asked.append((name, given))
        if name not in server.files:
            return self.send_error(404)
        body = server.files[name]
        start = int(given.removeprefix("bytes=").rstrip("-")) if given and server.ranges else 0
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if given and server.ranges else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        rest = body[start:][: server.cut]
        self.wfile.write(rest[: len(rest) // 2])
        time.sleep(server.pause)
        self.wfile.write(rest[len(rest) // 2 :])

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    running = Server()
    monkeypatch.setattr(urllib.request, "urlopen", opener.open)
    yield running
    running.shutdown()
    running.server_close()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


# ---------------------------------------------------------------- data sets and pictures, small


def idx(array: torch.Tensor) -> bytes:
    return struct.pack(f">BBBB{array.dim()}I", 0, 0, 8, array.dim(), *array.shape) + array.numpy().tobytes()


@pytest.fixture
def mnist(server, monkeypatch):
    """A small MNIST on the server, with checksums to match."""
    random, resources, sums = runtime.generator(3), [], {}
    for name, count in (("train", 40), ("t10k", 20)):
        pictures = torch.randint(256, (count, 28, 28), generator=random, dtype=torch.uint8)
        labels = (torch.arange(count) % 10).byte()
        for kind, array in (("images-idx3", pictures), ("labels-idx1", labels)):
            file = f"{name}-{kind}-ubyte"
            server.files[file + ".gz"] = gzip.compress(idx(array))
            resources.append((file + ".gz", md5(server.files[file + ".gz"])))
            sums[file] = md5(idx(array))
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [server.address + "gone/", server.address])
    monkeypatch.setattr(catalogue, "MNIST_MD5", sums)
    return server


@pytest.fixture
def gtsrb(server, monkeypatch):
    """Two small archives laid out like those of GTSRB."""

    def pack(files: dict[str, bytes | str]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return buffer.getvalue()

    images = {f"GTSRB/Final_Test/Images/{i:05}.ppm": picture((50 * i, 0, 0)) for i in range(4)}
    table = "Filename;Width;ClassId\n" + "".join(f"{i:05}.ppm;20;{10 * i}\n" for i in range(4))
    server.files = {"images.zip": pack(images), "table.zip": pack({"GT-final_test.csv": table})}
    holds = {"images.zip": "GTSRB/Final_Test/Images", "table.zip": "GT-final_test.csv"}
    entries = [(name, md5(content), holds[name]) for name, content in server.files.items()]
    monkeypatch.setattr(catalogue, "GTSRB_URL", server.address)
    monkeypatch.setattr(catalogue, "GTSRB_FILES", {"test": entries})
    return server


@pytest.fixture
def cifar10(server, monkeypatch):
    """A small CIFAR-10 on the server: one picture for each of the five training files, two for testing."""
    cifar, files = datasets.CIFAR10, {"batches.meta": {"label_names": list(catalogue.CIFAR10_NAMES)}}
    for k, (name, _) in enumerate([*cifar.train_list, *cifar.test_list]):
        count = 2 if name == "test_batch" else 1
        files[name] = {"data": torch.full((count, 3072), k, dtype=torch.uint8).numpy(), "labels": [k] * count}
    content = {name: pickle.dumps(value) for name, value in files.items()}
    packed = tar_gz({f"{cifar.base_folder}/{name}": data_ for name, data_ in content.items()})
    server.files["cifar.tar.gz"] = packed
    monkeypatch.setattr(cifar, "url", server.address + "cifar.tar.gz")
    monkeypatch.setattr(cifar, "tgz_md5", md5(packed))
    monkeypatch.setattr(cifar, "train_list", [[name, md5(content[name])] for name, _ in cifar.train_list])
    monkeypatch.setattr(cifar, "test_list", [["test_batch", md5(content["test_batch"])]])
    monkeypatch.setattr(cifar, "meta", {**cifar.meta, "md5": md5(content["batches.meta"])})
    return server


def tar_gz(files: dict[str, bytes]) -> bytes:
    """A compressed archive that holds these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (20, 30), kind: str = "PPM") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def write(folder: Path, files: dict[str, tuple[int, int, int]], size: tuple[int, int] = (40, 30)) -> Path:
    for name, colour in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(colour, size, "PNG"))
    return folder


def zipped(folder: Path, above: Path | None = None) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(above or folder))
    return folder.with_suffix(".zip")


# ---------------------------------------------------------------- damage, and what is said of it


def cut_short(content: bytes) -> bytes:
    return content[:-100]


def changed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(255 - byte for byte in content[middle : middle + 8]) + content[middle + 8 :]


def two_lines(error: pytest.ExceptionInfo) -> tuple[str, str]:
    assert isinstance(error.value, RuntimeError)
    first, second = str(error.value).split("\n")
    assert 'setup(data="drawn")' in second and "COURSE_DATA unset" in second
    return first, second
