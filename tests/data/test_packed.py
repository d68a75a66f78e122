import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gandeblur.data.datasets import ImageSet, Pair, PairSet, packed
from gandeblur.data.datasets.packed import is_packed, open_packed, pack
from gandeblur.errors import InputError

SIZES = [(16, 24), (33, 17), (20, 20)]


@pytest.fixture
def pairs(write_image):
    def pair(number, size):
        blurred, sharp = (write_image(f"in/{kind}/{number}.png", *size)[0] for kind in ("blur", "sharp"))
        return Pair(f"seq/{number}", blurred, sharp)

    return PairSet("in/train/blur", "blur", tuple(pair(number, size) for number, size in enumerate(SIZES)))


@pytest.fixture
def out(tmp_path, pairs):
    pack(pairs, tmp_path / "out")
    return tmp_path / "out"


def test_a_packed_set_answers_as_the_set_it_was_made_from(pairs, out):
    got = open_packed(out)
    assert is_packed(out) and not is_packed(out.parent)
    assert (len(got), got.name, got.variant, got.has_pairs, got.names) == (
        3, "in/train/blur", "blur", True, pairs.names,
    )  # fmt: skip
    for index, size in enumerate(SIZES):
        assert got.size(index) == pairs.size(index) == size
        np.testing.assert_array_equal(got.read(index), pairs.read(index))
    part = got.subset([2, 0], "part")
    assert (part.name, part.variant, part.names) == ("part", "blur", ("seq/2", "seq/0"))
    np.testing.assert_array_equal(part.read(0), pairs.read(2))


def test_sharp_images_are_packed_too(tmp_path, pairs):
    images = ImageSet("sharp", tuple(pair.sharp for pair in pairs.pairs))
    size = pack(images, tmp_path / "out")
    got = open_packed(tmp_path / "out")
    assert not got.has_pairs and size == 3 * sum(height * width for height, width in SIZES)
    np.testing.assert_array_equal(got.read(1), images.read(1))


def test_shards_have_a_limit_unless_one_image_is_larger(tmp_path, pairs, monkeypatch):
    monkeypatch.setattr(packed, "_SHARD_BYTES", 2 * 3 * (16 * 24 + 33 * 17))
    pack(pairs, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "index.json", "shard-00000.npy", "shard-00001.npy",
    ]  # fmt: skip
    monkeypatch.setattr(packed, "_SHARD_BYTES", 1)
    pack(pairs, tmp_path / "small")
    for folder in ("out", "small"):
        got = open_packed(tmp_path / folder)
        for index in range(3):
            np.testing.assert_array_equal(got.read(index), pairs.read(index))


def test_shards_are_plain_numpy_files(pairs, out):
    assert np.load(out / "shard-00000.npy").tobytes() == b"".join(pairs.read(index).tobytes() for index in range(3))


def test_damage_is_named(pairs, out):
    shard = out / "shard-00000.npy"
    whole = shard.read_bytes()
    header = len(whole) - np.load(shard).size
    flipped = bytearray(whole)
    flipped[header + 2 * 3 * 16 * 24] ^= 1  # the first byte of the second pair
    shard.write_bytes(flipped)
    damaged = open_packed(out)
    np.testing.assert_array_equal(damaged.read(0), pairs.read(0))
    with pytest.raises(InputError, match=r"shard-00000\.npy: seq/1 is damaged; pack the images again"):
        damaged.read(1)
    for content in (whole[:-1], whole + b"0", whole[: header // 2], b"", b"no numpy file"):
        shard.write_bytes(content)
        with pytest.raises(InputError, match=r"shard-00000\.npy: is incomplete or no shard; pack"):
            open_packed(out)
    shard.unlink()
    with pytest.raises(InputError, match=r"shard-00000\.npy: is missing; pack"):
        open_packed(out)


def test_a_damaged_index_is_named(out):
    index = json.loads((out / "index.json").read_text())
    for text in ("", "{", "[]", "{}", json.dumps(index | {"images": [{"name": "x"}]})):
        (out / "index.json").write_text(text)
        with pytest.raises(InputError, match=r"index\.json: cannot be read; pack"):
            open_packed(out)
    (out / "index.json").write_text(json.dumps(index | {"format": "other"}))
    with pytest.raises(InputError, match=r"index\.json: is not of the format"):
        open_packed(out)


def test_nothing_is_overwritten(tmp_path, pairs, out):
    with pytest.raises(InputError, match="out: already holds a packed set; choose another folder"):
        pack(pairs, out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.png").touch()
    with pytest.raises(InputError, match=r"photo\.png: is not from packing; choose a new or empty folder"):
        pack(pairs, tmp_path / "mine")
    assert os.listdir(tmp_path / "mine") == ["photo.png"]


def test_an_unreadable_image_leaves_no_packed_set(tmp_path, pairs, truncated):
    broken = PairSet("p", "blur", (*pairs.pairs, Pair("bad", truncated, truncated)))
    with pytest.raises(InputError, match=r"truncated\.png: cannot be read"):
        pack(broken, tmp_path / "out")
    with pytest.raises(InputError, match=r"out: has no index\.json|cannot be read"):
        open_packed(tmp_path / "out")


def test_two_pairs_of_one_name_are_refused(tmp_path, pairs):
    with pytest.raises(InputError, match="two pairs are called seq/0; rename"):
        pack(PairSet("p", "blur", (*pairs.pairs, pairs.pairs[0])), tmp_path / "out")


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path, pairs, monkeypatch):
    monkeypatch.setattr(packed.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"out: needs 0\.0 GB, 0\.0 GB are free"):
        pack(pairs, tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())


def test_a_killed_packing_looks_incomplete_and_can_be_run_again(tmp_path, pairs):
    # Stops after the first shard, in the middle of the second.
    script = f"""
import os, sys, time
sys.path.insert(0, {str(tmp_path)!r})
from pathlib import Path
from gandeblur.data.datasets import Pair, PairSet, packed
packed._SHARD_BYTES = 1
read = PairSet.read
def slow(self, index):
    if index == 2:
        print("second shard", flush=True)
        time.sleep(60)
    return read(self, index)
PairSet.read = slow
folder = Path({str(pairs.pairs[0].sharp.parent.parent)!r})
pairs = tuple(Pair(f"seq/{{k}}", folder / "blur" / f"{{k}}.png", folder / "sharp" / f"{{k}}.png") for k in range(3))
packed.pack(PairSet("in/train/blur", "blur", pairs), {str(tmp_path / "killed")!r})
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    process.stdout.readline()
    for _ in range(100):  # the temporary file of the last shard is there
        if any((tmp_path / "killed").glob(".*.npy")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert any((tmp_path / "killed").glob("shard-*.npy"))
    assert is_packed(tmp_path / "killed")
    with pytest.raises(InputError, match=r"killed: has no index\.json, so its packing was stopped; run gandeblur pack"):
        open_packed(tmp_path / "killed")
    pack(pairs, tmp_path / "killed")
    np.testing.assert_array_equal(open_packed(tmp_path / "killed").read(2), pairs.read(2))
    assert not any((tmp_path / "killed").glob(".*"))
