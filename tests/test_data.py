"""Loading and fetching: what a caller gets, and that nothing half-written or damaged is ever taken for whole.

Downloads are tested against a small server on this machine; nothing here uses the network.
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import pickle
import struct
import tarfile
import threading
import types
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision import datasets

from course_utils import data, runtime
from course_utils.data import catalogue, downloads, real

SHARED = Path(__file__).resolve().parents[2] / "shared" / "datasets"
REAL = Path(os.environ.get("COURSE_DATA_DIR", SHARED))
needs_real = pytest.mark.skipif(
    not (REAL / "gtsrb48.zip").exists(),
    reason="the real data sets are not on this machine (COURSE_DATA_DIR or ../shared/datasets)",
)


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


# ---------------------------------------------------------------- drawn pictures


@pytest.fixture
def artist(monkeypatch):
    """A stand-in for a drawing module: pictures of noise, which use as much randomness as they are large."""

    def draw(y, generator):
        return torch.rand(len(y), 1, 28, 28, generator=generator)

    monkeypatch.setattr(data, "_artist", lambda world: types.SimpleNamespace(draw=draw, NAMES=tuple("0123456789")))
    data._chunk.cache_clear()
    yield
    data._chunk.cache_clear()


def test_fewer_drawn_pictures_are_the_beginning_of_more(artist):
    few, more = data.load("digits", "train", 70, source="drawn"), data.load("digits", "train", 1200, source="drawn")
    assert len(few.x) == 70 and len(more.x) == 1200
    assert torch.equal(few.x, more.x[:70]) and torch.equal(few.y, more.y[:70])
    assert not torch.equal(more.x[:500], more.x[500:1000])  # and it does not repeat


def test_drawn_pictures_depend_on_split_and_seed_only(artist):
    first = data.load("digits", "train", 30, source="drawn")
    data._chunk.cache_clear()
    assert torch.equal(first.x, data.load("digits", "train", 30, source="drawn").x)
    for other in (data.load("digits", "test", 30, "drawn"), data.load("digits", "train", 30, "drawn", seed=1)):
        assert not torch.isclose(other.x.flatten(1)[:, None], first.x.flatten(1)[None]).all(-1).any()


def test_drawn_classes_come_equally_often_and_shuffled(artist):
    y = data.load("digits", "test", source="drawn").y
    assert y.bincount().tolist() == [200] * 10
    assert not torch.equal(y[:10], torch.arange(10))


def test_editing_what_load_gave_changes_nothing_else(artist):
    first = data.load("digits", "test", 20, source="drawn")
    kept = first.x.clone(), first.y.clone()
    first.x.zero_(), first.y.zero_()
    again = data.load("digits", "test", 20, source="drawn")
    assert torch.equal(again.x, kept[0]) and torch.equal(again.y, kept[1])


@pytest.mark.parametrize(
    "world, channels, size", [("digits", 1, 28), ("signs", 3, 48), ("objects", 3, 32), ("photos", 3, 192)]
)
def test_each_drawn_world(world, channels, size):
    pictures = data.load(world, "test", 12, source="drawn")
    assert pictures.source == "drawn" and pictures.x.shape == (12, channels, size, size) and pictures.y.shape == (12,)
    runtime.check_pictures(pictures.x)
    runtime.check_labels(pictures.y, 12, len(pictures.names))
    assert pictures.x.flatten(1).std(1).min() > 0.02  # nothing blank
    if world == "digits":
        assert pictures.masks is None and pictures.boxes is None
    else:
        assert pictures.masks.shape == (12, size, size) and pictures.masks.dtype == torch.bool
        assert pictures.masks.flatten(1).any(1).all()
    if world == "photos":
        x0, y0, x1, y1 = pictures.boxes[:, 0].unbind(1)
        assert pictures.boxes.shape[::2] == (12, 4) and (x1 > x0).all() and (y1 > y0).all()


# ---------------------------------------------------------------- bad requests


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("digit", "test"), "unknown world 'digit'. Nearest: digits"),
        (("digits", "tests"), "unknown split 'tests'. Nearest: test"),
        (("digits", "test", 5, "mnits"), "unknown source 'mnits'. Nearest: mnist"),
        (("digits", "test", 5, "/no/such/folder"), "does not exist; the path of a folder or zip"),
        (("digits", "test", 0), "n is 0; a whole number of at least 1"),
        (("digits", "test", 2.5), "n is 2.5; a whole number"),
        (("digits", "test", 5, None, 0, -1), "size is -1; a whole number"),
    ],
)
def test_bad_requests(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(*arguments)


def test_unknown_name_to_fetch():
    with pytest.raises(ValueError, match="unknown world or data set 'cifar'. Nearest: cifar10"):
        data.fetch("cifar")


# ---------------------------------------------------------------- a server on this machine


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`, with Range unless told not to; `cut` limits the bytes that each answer sends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.ranges, self.asked = {}, None, True, []
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
        self.wfile.write(body[start:][: server.cut])

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


BODY = bytes(range(256)) * 4000  # about 1 MB


def test_download_is_whole_or_absent(server, tmp_path):
    server.files["a.bin"] = BODY
    path = downloads.download(server.address + "a.bin", tmp_path / "deep" / "a.bin", md5(BODY))
    assert path.read_bytes() == BODY and [p.name for p in path.parent.iterdir()] == ["a.bin"]
    downloads.download(server.address + "a.bin", path, md5(BODY))
    assert len(server.asked) == 1  # it is here: not asked for again


def test_broken_transfer_goes_on_where_it_ended(server, tmp_path):
    server.files["a.bin"], server.cut = BODY, 400_000
    path = downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert path.read_bytes() == BODY
    assert [given for _, given in server.asked] == [None, "bytes=400000-", "bytes=800000-"]


def test_broken_transfer_leaves_only_a_part_and_a_later_call_resumes(server, tmp_path):
    server.files["a.bin"], server.cut, path = BODY, 100_000, tmp_path / "a.bin"
    with pytest.raises(ConnectionError, match="ended after 300,000 of 1,024,000 bytes"):
        downloads.download(server.address + "a.bin", path, md5(BODY))
    assert not path.exists() and (tmp_path / "a.bin.part").stat().st_size == 300_000
    server.cut = None
    assert downloads.download(server.address + "a.bin", path, md5(BODY)).read_bytes() == BODY
    assert server.asked[-1] == ("a.bin", "bytes=300000-")


def test_server_without_ranges_sends_all_again(server, tmp_path):
    server.files["a.bin"], server.ranges = BODY, False
    (tmp_path / "a.bin.part").write_bytes(BODY[:1000])
    assert downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY)).read_bytes() == BODY
    assert server.asked == [("a.bin", "bytes=1000-")]


def test_part_of_another_file_is_thrown_away(server, tmp_path):
    server.files["a.bin"] = BODY
    for wrong in (b"x" * 1000, b"x" * (len(BODY) + 5)):  # a wrong checksum in the end; longer than the file
        (tmp_path / "a.bin").unlink(missing_ok=True)
        (tmp_path / "a.bin.part").write_bytes(wrong)
        assert downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY)).read_bytes() == BODY


def test_wrong_checksum_is_never_accepted(server, tmp_path):
    server.files["a.bin"] = BODY[:-1] + b"?"
    with pytest.raises(ConnectionError, match="wrong checksum"):
        downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert list(tmp_path.glob("a.bin*")) == [] and len(server.asked) == 3


def test_stopped_just_before_the_rename(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(BODY)
    assert downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY)).read_bytes() == BODY
    assert server.asked == []


def test_damaged_file_is_named_and_fetched_again(server, tmp_path):
    server.files["a.bin"] = BODY
    (tmp_path / "a.bin").write_bytes(BODY[:500])
    with pytest.warns(UserWarning, match=r"a\.bin is damaged"):
        downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert (tmp_path / "a.bin").read_bytes() == BODY and server.asked == [("a.bin", "bytes=500-")]


def test_damaged_file_of_the_right_size_is_fetched_again(server, tmp_path):
    server.files["a.bin"] = BODY
    (tmp_path / "a.bin").write_bytes(BODY[:-1] + b"?")
    with pytest.warns(UserWarning, match=r"a\.bin is damaged"):
        downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_progress_of_a_download_is_shown(server, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_PROGRESS")
    server.files["a.bin"] = BODY
    downloads.download(server.address + "a.bin", tmp_path / "a.bin", md5(BODY))
    assert "fetching a.bin  75 %" in capsys.readouterr().err


def test_unpacking_that_fails_leaves_the_old_files(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "old").write_text("old")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("other/new", "new")
    with pytest.raises(FileNotFoundError):
        downloads.unpack(tmp_path / "p.zip", ["other/new", "pictures"])
    assert (tmp_path / "pictures" / "old").exists() and not list(tmp_path.glob(".unpacking*"))


# ---------------------------------------------------------------- fetching data sets


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
    data._real.cache_clear()
    return server


def test_mnist_is_fetched_from_the_second_mirror_once(mnist, tmp_path):
    data.fetch("digits")
    asked = len(mnist.asked)
    test = data.load("digits", "test", source="real")
    assert test.source == "mnist" and test.x.shape == (20, 1, 28, 28) and test.names == tuple("0123456789")
    assert torch.equal(test.y, torch.arange(20) % 10)  # its own order
    assert test.x.dtype == torch.float32 and test.x.max() == 1
    data.fetch("mnist")
    assert len(mnist.asked) == asked == 8
    assert len(list((tmp_path / "data" / "MNIST" / "raw").iterdir())) == 8  # archives and files; no parts, no leftovers


def test_loading_fetches_only_when_real_pictures_are_asked_for(mnist, artist):
    data.load("digits", "test", 5)
    assert mnist.asked == []
    data.load("digits", "test", 5, source="mnist")
    assert {name for name, _ in mnist.asked if "gone" not in name} == set(mnist.files)


def test_n_real_pictures_are_the_beginning_of_more(mnist):
    few, more = (data.load("digits", "train", n, source="real") for n in (10, 25))
    assert torch.equal(few.x, more.x[:10]) and torch.equal(few.y, more.y[:10])
    assert len(data.load("digits", "train", 1000, source="real").x) == 40  # all there are


def cut_short(content: bytes) -> bytes:
    return content[:-100]


def changed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(255 - byte for byte in content[middle : middle + 8]) + content[middle + 8 :]


def test_editing_real_pictures_changes_nothing_else(mnist):
    first = data.load("digits", "test", source="real")
    kept = first.x.clone(), first.y.clone()
    first.x.zero_(), first.y.zero_()
    again = data.load("digits", "test", source="real")
    assert torch.equal(again.x, kept[0]) and torch.equal(again.y, kept[1])


def test_another_data_folder_is_looked_into_at_once(mnist, tmp_path, monkeypatch):
    data.load("digits", "test", source="real")
    mnist.files.clear()
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "other"))
    with pytest.raises(downloads.FetchError):
        data.load("digits", "test", source="real")


def test_stopped_while_unpacking(mnist, tmp_path, monkeypatch):
    def stopped(archive, folder):
        Path(folder, Path(archive).stem).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(downloads, "extract_archive", stopped)
        data.fetch("mnist")
    assert [p.name for p in (tmp_path / "data" / "MNIST" / "raw").iterdir()] == ["train-images-idx3-ubyte.gz"]
    data.fetch("mnist")
    assert len(data.load("digits", "test", source="mnist").x) == 20


@pytest.mark.filterwarnings("ignore:.*ubyte.gz is damaged")  # tested above
@pytest.mark.parametrize("damage", [cut_short, changed])
def test_damaged_mnist_file_is_named_and_fetched_again(mnist, tmp_path, damage):
    data.fetch("mnist")
    for file in ("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"):
        path = tmp_path / "data" / "MNIST" / "raw" / file
        path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="Damaged: .*t10k-images-idx3-ubyte"):
        pictures = data.load("digits", "test", source="real")
    assert md5(idx((pictures.x[:, 0] * 255).round().byte())) == catalogue.MNIST_MD5["t10k-images-idx3-ubyte"]


def two_lines(error: pytest.ExceptionInfo) -> tuple[str, str]:
    assert isinstance(error.value, RuntimeError)
    first, second = str(error.value).split("\n")
    assert 'setup(data="drawn")' in second and "COURSE_DATA unset" in second
    return first, second


@pytest.mark.parametrize(
    "name, file",
    [
        ("digits", "train-images-idx3-ubyte.gz"),
        ("signs", "GTSRB-Training_fixed.zip"),
        ("objects", "cifar-10-python.tar.gz"),
        ("svhn", "train_32x32.mat"),
        ("photos", "imagenette2-320.tgz"),
        ("imagenet", "imagenet-photos.zip"),
    ],
)
def test_no_network_two_lines_say_how_to_go_on(name, file):
    with pytest.raises(downloads.FetchError) as error:
        data.fetch(name)
    first, second = two_lines(error)
    assert "could not be fetched" in first and f"put {file}" in second


def test_damaged_and_no_network_names_the_file(mnist, tmp_path, monkeypatch):
    data.fetch("mnist")
    for path in (tmp_path / "data" / "MNIST" / "raw").glob("train-labels*"):
        path.write_bytes(path.read_bytes()[:-3])
    mnist.files.clear()
    with pytest.raises(downloads.FetchError) as error, pytest.warns(UserWarning, match="train-labels-idx1-ubyte"):
        data.load("digits", "train", source="real")
    assert "train-labels-idx1-ubyte (wrong checksum)" in two_lines(error)[0]


def test_archive_put_there_by_hand_is_enough(mnist, tmp_path, monkeypatch):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in mnist.files.items():
        (raw / name).write_bytes(content)
    mnist.files.clear()
    assert len(data.load("digits", "test", source="real").x) == 20 and mnist.asked == []


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (20, 30), kind: str = "PPM") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


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
    data._real.cache_clear()
    return server


def test_gtsrb_through_torchvision(gtsrb):
    signs = data.load("signs", "test", source="real")
    assert signs.x.shape == (4, 3, 48, 48) and signs.y.tolist() == [0, 10, 20, 30] and len(set(signs.names)) == 43
    assert torch.allclose(signs.x[:, 0].amax((1, 2)), torch.tensor([0, 50, 100, 150]) / 255)


def test_svhn_stands_beside_the_objects(tmp_path, monkeypatch):
    scipy_io = pytest.importorskip("scipy.io")
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "test_32x32.mat"
    pixels = torch.arange(3, dtype=torch.uint8).expand(32, 32, 3, 3).numpy()
    scipy_io.savemat(path, {"X": pixels, "y": torch.tensor([[10], [1], [9]], dtype=torch.uint8).numpy()})
    monkeypatch.setitem(datasets.SVHN.split_list, "test", ["http://nowhere/", path.name, downloads.md5sum(path)])
    houses = data.load("objects", "test", source="svhn")
    assert houses.x.shape == (3, 3, 32, 32) and houses.y.tolist() == [0, 1, 9] and houses.source == "svhn"
    assert (houses.x[:, 0, 0, 0] * 255).round().tolist() == [0, 1, 2]
    assert data.load("digits", "test", source="svhn").x.shape == (3, 1, 28, 28)


def tar_gz(files: dict[str, bytes]) -> bytes:
    """A compressed archive that holds these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


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


def test_cifar10_through_torchvision(cifar10, tmp_path):
    train, test = (data.load("objects", split, source="real") for split in ("train", "test"))
    assert train.x.shape == (5, 3, 32, 32) and train.y.tolist() == [0, 1, 2, 3, 4] and test.y.tolist() == [5, 5]
    assert (train.x[:, 1, 3, 4] * 255).round().tolist() == [0, 1, 2, 3, 4] and len(cifar10.asked) == 1
    batch = tmp_path / "data" / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(b"")
    with pytest.warns(UserWarning, match="Damaged: .*data_batch_2"):
        real.load("cifar10", "train", None, 3, 32, 32)
    assert batch.stat().st_size > 0 and len(cifar10.asked) == 1  # from the archive


def test_imagenette_is_labelled_for_imagenet_networks(server, monkeypatch, tmp_path):
    wnids, content = list(catalogue.IMAGENETTE), picture((7, 7, 7), (320, 400), "JPEG")
    packed = tar_gz({f"imagenette2-320/val/{wnid}/a.JPEG": content for wnid in wnids})
    server.files["i.tgz"] = packed
    monkeypatch.setattr(catalogue, "IMAGENETTE_URL", server.address + "i.tgz")
    monkeypatch.setattr(catalogue, "IMAGENETTE_MD5", md5(packed))
    photos = data.load("photos", "test", source="real")
    assert photos.source == "imagenette" and photos.x.shape == (10, 3, 224, 224)
    assert [photos.names[i] for i in photos.y.tolist()][:3] == ["tench", "English springer", "cassette player"]
    (tmp_path / "data" / "imagenette2-320").rename(tmp_path / "elsewhere")
    assert torch.equal(data.load("photos", "test", source=tmp_path / "elsewhere").y, photos.y)  # WordNet ids are known


def test_unreadable_picture_is_named_and_unpacked_again(gtsrb, tmp_path):
    real.load("gtsrb", "test", None, 3, 48, 48)
    broken = tmp_path / "data" / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / "00002.ppm"
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.warns(UserWarning, match=r"Damaged: .*00002\.ppm"):
        x, _, _ = real.load("gtsrb", "test", None, 3, 48, 48)
    assert x[2, 0].max() == 100 and len(gtsrb.asked) == 2  # from the archive, which was whole


# ---------------------------------------------------------------- folders and zips


def write(folder: Path, files: dict[str, tuple[int, int, int]], size: tuple[int, int] = (40, 30)) -> Path:
    for name, colour in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(colour, size, "PNG"))
    return folder


def as_it_is(folder: Path) -> Path:
    return folder


def zipped(folder: Path, above: Path | None = None) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(above or folder))
    return folder.with_suffix(".zip")


def zipped_with_its_folder(folder: Path) -> Path:
    write(folder / "__MACOSX" / "train", {"._0.png": (0, 0, 0)})
    return zipped(folder, folder.parent)


@pytest.mark.parametrize("pack", [as_it_is, zipped, zipped_with_its_folder])
def test_class_folders_with_train_and_test(tmp_path, pack):
    parts = [f"{split}/{name}" for split in ("train", "test") for name in ("truck", "bird")]
    files = {f"{part}/{i}.png": (i, 90, 0) for part in parts for i in range(3)}
    path = pack(write(tmp_path / "mine", files))
    pictures = data.load("objects", "train", source=path)
    assert pictures.names == catalogue.CIFAR10_NAMES and pictures.y.tolist() == [2, 2, 2, 9, 9, 9]
    assert pictures.x.shape == (6, 3, 32, 32) and pictures.source == "mine"
    assert (pictures.x[:, 0].amax((1, 2)) * 255).round().tolist() == [0, 1, 2, 0, 1, 2]


def test_other_class_names_are_classes_of_their_own_and_are_split(tmp_path):
    colours = {f"{name}/{i}.png": (i, k, 0) for k, name in enumerate(("rex", "bello")) for i in range(10)}
    path = write(tmp_path / "pets", colours)
    train, test = (data.load("photos", split, source=str(path), size=16) for split in ("train", "test"))
    assert train.names == ("bello", "rex") and len(train.x) == 16 and test.y.bincount().tolist() == [2, 2]
    seen = {tuple(p) for p in train.x[:, :, 0, 0].tolist()}
    assert len(seen) == 16 and not seen & {tuple(p) for p in test.x[:, :, 0, 0].tolist()}


def test_flat_folder_of_photos(tmp_path):
    path = write(tmp_path / "flat", {"0207_n02099601_golden_retriever.png": (9, 0, 0), "holiday.png": (8, 0, 0)}, (300, 400))
    photos = data.load("photos", "test", source=path)
    assert photos.x.shape == (2, 3, 224, 224) and photos.y.tolist() == [207, -1] and photos.names[207] == "golden retriever"


def test_digits_from_a_colour_folder_are_grey(tmp_path):
    path = write(tmp_path / "scans", {"7/a.png": (255, 0, 0), "0/b.png": (0, 0, 255)})
    digits = data.load("digits", "train", source=path)
    assert digits.x.shape[1:] == (1, 28, 28) and set(digits.y.tolist()) <= {0, 7} and digits.names == tuple("0123456789")


def test_pictures_keep_their_proportions(tmp_path):
    (tmp_path / "one").mkdir()
    wide = Image.new("RGB", (90, 30))
    wide.paste((255, 255, 255), (30, 0, 60, 30))
    wide.save(tmp_path / "one" / "wide.png")
    assert data.load("signs", "test", source=tmp_path / "one", size=30).x.min() == 1  # the white middle third


def test_folder_without_pictures(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no pictures for 'test'"):
        data.load("signs", "test", source=tmp_path / "empty")


def test_class_folders_too_small_to_split(tmp_path):
    path = write(tmp_path / "few", {"rex/1.png": (1, 1, 1), "bello/1.png": (2, 2, 2)})
    with pytest.raises(ValueError, match="too few pictures to set a fifth aside for 'test'"):
        data.load("photos", "test", source=path)


def test_unreadable_picture_in_a_folder_of_ones_own(tmp_path):
    path = write(tmp_path / "mine", {"a.png": (1, 2, 3)})
    (path / "b.png").write_bytes(picture((1, 2, 3), kind="PNG")[:50])
    with pytest.raises(downloads.FetchError) as error:
        data.load("photos", "test", source=path)
    assert "mine/b.png" in two_lines(error)[0]


@pytest.mark.parametrize("damage", [cut_short, lambda content: content.replace(b"IDAT", b"XXXX")])
def test_damaged_zip_is_named_and_the_folder_beside_is_taken(tmp_path, damage):
    archive = zipped(write(tmp_path / "data" / "imagenet-photos", {"0001_n01443537_goldfish.png": (5, 5, 5)}))
    archive.write_bytes(damage(archive.read_bytes()))
    (tmp_path / "home").mkdir()
    (tmp_path / "data" / "imagenet-photos").rename(tmp_path / "home" / "imagenet-photos")
    data._real.cache_clear()
    with pytest.warns(UserWarning, match=r"Damaged: .*imagenet-photos\.zip"):
        photos = data.load("photos", "test", source="real")
    assert photos.source == "imagenet" and photos.y.tolist() == [1]


def test_read_only_folders_are_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    assert downloads.downloads() == tmp_path / "data"
    (tmp_path / "data").chmod(0o555)
    assert downloads.downloads() == tmp_path / "home"


def test_every_beginning_of_spread_has_the_shares_of_the_classes():
    labels = torch.tensor([0] * 600 + [1] * 300 + [2] * 100)
    order = real.spread(labels)
    assert order.sort().values.equal(torch.arange(1000)) and order.equal(real.spread(labels))
    for n in (10, 50, 500):
        assert (labels[order[:n]].bincount(minlength=3) / n - torch.tensor([0.6, 0.3, 0.1])).abs().max() <= 1 / n + 0.02


# ---------------------------------------------------------------- the real data sets, where they are


@needs_real
@pytest.mark.parametrize(
    "world, source, classes, size, known",
    [
        ("digits", "mnist", 10, 28, 10),
        ("signs", "gtsrb", 43, 48, 43),
        ("objects", "cifar10", 10, 32, 10),
        ("photos", "imagenet", 1000, 224, 200),
    ],
)
def test_real_worlds(monkeypatch, world, source, classes, size, known):
    monkeypatch.setenv("COURSE_DATA_DIR", str(REAL))
    before = sorted(REAL.rglob("*"))
    pictures = data.load(world, "test", 200, source="real")
    assert pictures.source == source and len(pictures.names) == classes and pictures.x.shape[2:] == (size, size)
    runtime.check_pictures(pictures.x)
    runtime.check_labels(pictures.y, 200, classes)
    assert pictures.y.unique().numel() == known
    assert sorted(REAL.rglob("*")) == before
    data.fetch(world)  # nothing to do: there is no network here


@needs_real
def test_mnist_in_its_own_order(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(REAL))
    test = data.load("digits", "test", source="real")
    assert test.x.shape == (10_000, 1, 28, 28) and test.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
