import struct
import sys

import numpy as np
import pytest
from photograph_cases import psnr, restored
from photograph_files import JOSE, NAMED, A, encoded

from gandeblur.errors import InputError
from gandeblur.inference import photographs


def test_without_pillow_heif_one_line_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(20))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"a.heic: a HEIC file, .*; save it as .*, or pip install 'gandeblur\[heif\]'"):
        photographs.read(tmp_path / "a.heic")


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_bits_and_channels(mode, bits, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    array = np.dstack([A, 255 - A[..., :1]])[..., {"L": [0], "LA": [0, 3], "RGB": [0, 1, 2]}.get(mode, [0, 1, 2, 3])]
    values = array if bits == 8 else (array.astype(np.uint16) << (bits - 8)).astype("<u2")
    file = pillow_heif.HeifFile()
    file.add_frombytes(mode if bits == 8 else f"{mode};{bits}", A.shape[1::-1], values.tobytes())
    file[0].info["exif"] = NAMED
    file.save(tmp_path / "b.heic", quality=100, bit_depth=bits, chroma=420 if mode in ("L", "LA") else 444)
    out = restored(tmp_path, "a.heic", (tmp_path / "b.heic").read_bytes())
    before, after = photographs.read(out.source), photographs.read(out.path)
    assert out.said == "" and JOSE in out.data and after.kept.bits == before.kept.bits == bits
    assert (after.grey, after.alpha is None) == (before.grey, before.alpha is None) == (mode[0] == "L", mode[-1] != "A")
    assert (before.pixels.dtype == np.uint8) == (bits == 8) and after.kept.chroma == before.kept.chroma
    most = np.iinfo(after.pixels.dtype).max
    assert psnr(after.pixels / most * 255, before.pixels / most * 255) > 40


def test_a_heic_file_turns_by_its_own_property(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    from PIL import Image

    told = Image.Exif()
    told[0x112] = 6
    pillow_heif.from_pillow(Image.fromarray(A)).save(tmp_path / "straight.heic", quality=95)
    file = pillow_heif.HeifFile()
    file.add_frombytes("RGB", A.shape[1::-1], A.tobytes())
    file.save(tmp_path / "b.heic", quality=95, exif=told.tobytes())
    out = restored(tmp_path, "a.heic", (tmp_path / "b.heic").read_bytes())
    after = photographs.read(out.path)
    assert after.pixels.shape == np.rot90(A).shape and psnr(after.pixels, np.rot90(A, -1)) > 35
    reread = pillow_heif.open_heif(out.path)
    told.load(reread.info["exif"])
    assert told[0x112] == 1


def with_auxiliary(path, name):
    """A HEIC file with an auxiliary picture of that name, as phones have it; pillow-heif writes alpha, renamed here."""
    pillow_heif = pytest.importorskip("pillow_heif")
    alpha, name = b"urn:mpeg:hevc:2015:auxid:1", name.encode()
    array = np.dstack([A, 255 - A[..., :1]])
    pillow_heif.from_bytes("RGBA", A.shape[1::-1], array.tobytes()).save(path, quality=95)
    data, grown = bytearray(path.read_bytes()), len(name) - len(alpha)
    for box in (b"auxC", b"ipco", b"iprp", b"meta"):  # one lies in the other
        at = data.index(box) - 4
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + grown)
    at = data.index(b"iloc") + 16
    for item in range(2):  # where their data begin
        place = at + 18 * item
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + grown)
    path.write_bytes(data.replace(alpha, name))


@pytest.mark.parametrize(
    "name, words",
    [
        ("urn:com:apple:photo:2020:aux:hdrgainmap", "without its HDR gain map"),
        ("urn:mpeg:hevc:2015:auxid:2", "without its depth map"),
        ("urn:com:apple:photo:2018:aux:portraiteffectsmatte", "without its further layers"),
    ],
)
def test_what_lies_beside_the_picture_is_named_and_gone(name, words, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    with_auxiliary(tmp_path / "b.heic", name)
    out = restored(tmp_path, "a.heic", (tmp_path / "b.heic").read_bytes())
    assert out.said == words
    assert name.encode() in out.source.read_bytes() and name.encode() not in out.data
    assert not pillow_heif.open_heif(out.path).info["aux"] and psnr(photographs.read(out.path).pixels, A) > 35


@pytest.mark.parametrize("subsampling", ["4:0:0", "4:2:0", "4:2:2", "4:4:4"])
def test_avif(subsampling, tmp_path):
    picture = A[..., 0] if subsampling == "4:0:0" else A
    data = encoded("AVIF", picture, quality=95, subsampling=subsampling, exif=NAMED)
    out = restored(tmp_path, "a.avif", data)
    before, after = photographs.read(out.source), photographs.read(out.path)
    assert (
        (after.grey, after.kept.options["subsampling"])
        == (before.grey, subsampling)
        == (picture.ndim == 2, subsampling)
    )
    assert psnr(before.pixels, after.pixels) > 38 and JOSE in out.data


def test_avif_keeps_primaries_and_transfer(tmp_path):
    data = encoded("AVIF", quality=95)
    place = data.index(b"colrnclx") + 8
    out = restored(tmp_path, "a.avif", data[:place] + b"\0\x09\0\x10" + data[place + 4 :])
    assert b"colrnclx\0\x09\0\x10" in out.data
