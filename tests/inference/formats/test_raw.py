import sys

import numpy as np
import pytest
import tifffile
from photograph_cases import restored
from photograph_files import A16, A, jpeg, raw_file

from gandeblur.errors import InputError
from gandeblur.inference import files, photographs
from gandeblur.inference.formats import kinds, raw


@pytest.mark.parametrize("name", ["IMG.dng", "IMG.tif"])
def test_a_preview_is_never_taken_for_the_picture(name, tmp_path, monkeypatch):
    raw_file(tmp_path / name)
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(
        InputError, match=rf"{name}: a RAW file \(DNG\), .*; develop it first, or pip install 'gandeblur\[raw\]'"
    ):
        photographs.read(tmp_path / name)


def test_other_makers_files_are_known_by_their_sub_directories(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with tifffile.TiffWriter(tmp_path / "a.nef") as writer:
        writer.write(A[::2, ::2], photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        writer.write(A16[..., 1], photometric=32803, metadata=None, extratags=[(33421, "H", 2, (2, 2), True)])
    with pytest.raises(InputError, match=r"a.nef: a RAW file \(NEF\)"):
        photographs.read(tmp_path / "a.nef")
    for sign, (at, name) in raw._SIGNS.items():
        (tmp_path / "b.raw").write_bytes(bytes(at) + sign + bytes(300))
        assert kinds.kind(tmp_path / "b.raw") == "RAW" and raw.kind(bytes(at) + sign + bytes(20)) == name


def test_a_raw_file_is_developed_at_its_full_size(tmp_path):
    pytest.importorskip("rawpy")
    raw_file(tmp_path / "IMG.dng")
    (job,) = files.jobs([str(tmp_path / "IMG.dng")], tmp_path / "out")
    assert job.target == tmp_path / "out/IMG.tif"
    photograph = photographs.read(job.source)
    assert photograph.pixels.shape == A.shape and photograph.pixels.dtype == np.uint16
    out = restored(tmp_path, "IMG.dng", (tmp_path / "IMG.dng").read_bytes())
    assert out.said == "a RAW file (DNG), developed by LibRaw"
    np.testing.assert_array_equal(tifffile.imread(out.path), photograph.pixels)
    assert 50706 not in tifffile.TiffFile(out.path).pages.first.tags  # it is no DNG file


def test_a_damaged_raw_file_is_refused_by_its_kind(tmp_path):
    pytest.importorskip("rawpy")
    (tmp_path / "a.raf").write_bytes(b"FUJIFILMCCD-RAW " + bytes(500))
    with pytest.raises(InputError, match=r"a.raf: a RAW file \(Fujifilm RAF\) that LibRaw cannot develop"):
        photographs.read(tmp_path / "a.raf")


def test_a_jpeg_file_of_that_name_is_no_raw_file(tmp_path):
    assert photographs.read(_written(tmp_path / "a.nef", jpeg())).format == "JPEG"


def _written(path, data):
    path.write_bytes(data)
    return path
