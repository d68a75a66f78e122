"""BasicSR's LMDB."""

import numpy as np
import pytest
from PIL import Image
from scenes import SCENES, blurred_scene, check

from gandeblur.data.datasets.find import find
from gandeblur.data.datasets.packed import pack
from gandeblur.errors import InputError
from gandeblur.evaluation.check_data import check_data


def store(folder, images):
    lmdb = pytest.importorskip("lmdb")
    folder.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    with lmdb.open(str(folder), map_size=2**20) as file, file.begin(write=True) as transaction:
        for key, pixels in images.items():
            transaction.put(key.encode(), png(pixels))
            lines.append(f"{key}.png ({pixels.shape[0]},{pixels.shape[1]},3) 1\n")
    (folder / "meta_info.txt").write_text("".join(lines))


def png(pixels):
    import io

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("blurred", "sharp"),
    [
        ("train/train_blur_jpeg", "train/train_sharp"),
        ("val/blur_300", "val/sharp_300"),
        ("train/input", "train/target"),
    ],
)
def test_basicsrs_lmdb(tmp_path, blurred, sharp):
    names = ["000/00000000", "001/00000001"]
    store(tmp_path / f"REDS/{blurred}.lmdb", {name: blurred_scene(k) for k, name in enumerate(names)})
    store(tmp_path / f"REDS/{sharp}.lmdb", {name: SCENES[k] for k, name in enumerate(names)})
    images = find(tmp_path / "REDS")
    check(images, names)
    assert images.size(0) == (48, 64) and images.where(0).endswith(".lmdb: 000/00000000")
    report = check_data(tmp_path / "REDS")
    assert not report.problems and report.parts[0].items[0].formats == ("RGB 8 bit",) * 2
    pack(images, tmp_path / "packed")
    np.testing.assert_array_equal(find(tmp_path / "packed").read(1), images.read(1))


def test_an_lmdb_that_is_damaged_is_named(tmp_path):
    for name in ("input", "target"):
        store(tmp_path / f"d/{name}.lmdb", {"a": SCENES[0]})
    meta = tmp_path / "d/input.lmdb/meta_info.txt"
    meta.write_text("b.png (48,64,3) 1\n")
    (tmp_path / "d/target.lmdb/meta_info.txt").write_text("b.png (48,64,3) 1\n")
    with pytest.raises(InputError, match="input.lmdb: b: is not in the file"):
        find(tmp_path / "d").read(0)
    meta.write_text("rubbish\n")
    with pytest.raises(InputError, match="line 1 is no"):
        find(tmp_path / "d")
    meta.unlink()
    with pytest.raises(InputError, match="meta_info.txt: cannot be read"):
        find(tmp_path / "d")
