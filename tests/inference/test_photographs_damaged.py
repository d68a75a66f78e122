"""Files that are no photographs, and those that are one only in a part."""

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.inference import files, photographs

RGB = np.random.default_rng(0).integers(0, 256, (24, 37, 3), dtype=np.uint8)


def encoded(kind, **options):
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, kind, **options)
    return file.getvalue()


def huge_header():
    header = b"IHDR" + struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    chunks = [(13, header), (0, b"IEND")]
    data = [struct.pack(">I", size) + chunk + struct.pack(">I", zlib.crc32(chunk)) for size, chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(data)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text.jpg", b"hello", "not a JPEG, PNG, TIFF, WebP, HEIC, AVIF or BMP image"),
        ("empty.jpg", b"", "the file is empty"),
        ("cut.jpg", encoded("JPEG")[:100], "truncated before its picture"),
        ("cut.webp", encoded("WEBP")[:-200], "cannot be read"),
    ],
)
def test_a_bad_file_is_named_in_one_line(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason) as error:
        photographs.read(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: cannot be read (") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.jpg", encoded("JPEG")[:-200], "the file ends too early"),
        ("end.jpg", encoded("JPEG")[:-2], "the file lacks its last bytes"),
        ("cut.png", encoded("PNG")[:-200], "the file lacks its last bytes: .* % of the picture"),
        ("wrong.png", encoded("PNG")[:-500] + bytes(10) + encoded("PNG")[-490:], "the pixels' checksum is wrong"),
        ("cut.tif", encoded("TIFF")[:-200], "the file ends too early"),
        ("cut.bmp", encoded("BMP")[:-200], "the file ends too early"),
        ("exif.jpg", encoded("JPEG", exif=b"Exif\0\0" + b"\xde\xad\xbe\xef" * 8), "its EXIF data cannot be read"),
    ],
)
def test_a_damaged_file_is_restored_and_told_unless_strict(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    (note,) = photographs.read(tmp_path / name).notes
    assert re.match(said, note)
    photograph = photographs.read(tmp_path / name)
    photographs.write(tmp_path / "new", photograph.pixels, photograph)
    assert photographs.read(tmp_path / "new").damage == ()
    pixels = photograph.pixels
    if "exif" not in name:  # the beginning is there
        stored = np.asarray(
            Image.open(io.BytesIO(encoded(Path(name).suffix[1:].upper().replace("JPG", "JPEG").replace("TIF", "TIFF"))))
        )
        np.testing.assert_array_equal(pixels[:3], stored[:3]) if name != "cut.bmp" else None
    with pytest.raises(InputError, match=f"{name}: .*; leave out --strict"):
        photographs.read(tmp_path / name, strict=True)


def test_more_pixels_are_allowed_on_request(tmp_path, monkeypatch):
    (tmp_path / "huge.png").write_bytes(huge_header())
    with pytest.raises(InputError, match="huge.png: .* more than 178 million pixels; allow more by --most_megapixels"):
        photographs.read(tmp_path / "huge.png")
    Image.fromarray(RGB).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", RGB.shape[0] * RGB.shape[1] // 2 - 1)
    with pytest.raises(InputError, match="a.png: it says to have more than 0 million"):
        photographs.read(tmp_path / "a.png")
    with photographs.allowing(1):
        assert photographs.read(tmp_path / "a.png").pixels.shape == RGB.shape
    assert RGB.shape[0] * RGB.shape[1] // 2 - 1 == Image.MAX_IMAGE_PIXELS  # Pillow's own is one for the whole process


@pytest.mark.parametrize("strict", [False, True])
def test_strict_fails_a_damaged_file_and_goes_on(strict, tmp_path, capsys):
    (tmp_path / "cut.jpg").write_bytes(encoded("JPEG")[:-200])
    (tmp_path / "whole.jpg").write_bytes(encoded("JPEG"))
    todo = files.jobs([str(tmp_path / "*.jpg")], tmp_path / "out")
    failed = files.restore_files(lambda image, **options: image, todo, strict=strict)
    assert [job.source.name for job, _ in failed] == (["cut.jpg"] if strict else [])
    assert (tmp_path / "out/whole.jpg").exists() and (tmp_path / "out/cut.jpg").exists() == (not strict)
    assert ("cut.jpg (the file ends too early" in capsys.readouterr().out) == (not strict)
