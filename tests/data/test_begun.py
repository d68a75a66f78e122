import json

import numpy as np
import pytest
from PIL import Image

from gandeblur.data.datasets.begun import check_images
from gandeblur.data.datasets.find import find
from gandeblur.data.datasets.folder import split
from gandeblur.data.datasets.packed import pack
from gandeblur.errors import InputError


@pytest.fixture
def folder(write_image, tmp_path):
    for k in range(6):
        write_image(f"photos/{k}.png")
    return tmp_path / "photos"


def parts(folder):
    return [split(find(folder), 0.2)]


def test_a_resumed_training_is_told_what_has_changed(folder, write_image, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    check_images(run, parts(folder), resumed=False)
    check_images(run, parts(folder), resumed=True)  # the same
    for k in range(7, 14):
        write_image(f"photos/{k}.png")
    (folder / "0.png").unlink()
    Image.fromarray(np.zeros((40, 48, 3), np.uint8)).save(folder / "1.png")
    with pytest.raises(InputError) as caught:
        check_images(run, parts(folder), resumed=True)
    assert str(caught.value) == (
        f"{run}: the run began with other images: 7 new (10.png, 11.png, 12.png, 13.png, 7.png and 2 more), "
        "1 gone (0.png), 1 changed (1.png); give it those, or choose another --workdir"
    )
    check_images(run, parts(folder), resumed=False)  # anew
    check_images(run, parts(folder), resumed=True)


def test_pairs_and_packed_sets_are_compared_by_name(write_image, tmp_path):
    for name in ("blur/a", "sharp/a", "blur/b", "sharp/b"):
        write_image(f"pairs/{name}.png")
    pack(find(tmp_path / "pairs"), tmp_path / "packed")
    for k, given in enumerate((tmp_path / "pairs", tmp_path / "packed")):
        run = tmp_path / f"run{k}"
        run.mkdir()
        images = find(given)
        check_images(run, [[images]], resumed=False)
        with pytest.raises(InputError, match=r"1 gone \(b\); "):
            check_images(run, [[images.subset([0], "one")]], resumed=True)


def test_a_run_without_a_list_is_not_compared_and_a_damaged_list_is_named(folder, tmp_path):
    check_images(tmp_path, parts(folder), resumed=True)
    assert len(json.loads((tmp_path / "images.json").read_text())[0]) == 6
    (tmp_path / "images.json").write_text("[1]")
    with pytest.raises(InputError, match="images.json: cannot be read; choose another --workdir"):
        check_images(tmp_path, parts(folder), resumed=True)
