import io
import struct
import zlib

import numpy as np
import pytest
from photograph_cases import restored
from photograph_files import NAMED, A, chunk, exif, packet, png
from PIL import Image

from gandeblur.inference import photographs


def chunks(data):
    position, found = 8, []
    while position < len(data):
        (size,) = struct.unpack_from(">I", data, position)
        found.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + size]))
        position += 12 + size
    return found


def palette(*before):
    buffer = io.BytesIO()
    Image.fromarray(A).convert("P").save(buffer, "PNG")
    data = buffer.getvalue()
    place = data.index(b"IDAT") - 4
    return data[:place] + b"".join(chunk(*one) for one in before) + data[place:]


def test_a_palette_becomes_colours_and_what_counts_its_entries_goes(tmp_path):
    out = restored(tmp_path, "a.png", palette((b"bKGD", b"\3"), (b"hIST", bytes(512)), (b"sBIT", b"\5\6\5")))
    third = Image.open(out.source).getpalette()[9:12]
    found = dict(chunks(out.data))
    assert found[b"bKGD"] == struct.pack(">3H", *third) and found[b"sBIT"] == b"\5\6\5"
    assert not {b"hIST", b"PLTE"} & set(found) and out.said == ""
    np.testing.assert_array_equal(out.pixels, np.asarray(Image.open(out.source).convert("RGB")))


def test_few_bits_of_grey_become_eight(tmp_path):
    data = png(A[..., 1] >> 6, 2, 0, (b"bKGD", struct.pack(">H", 2)), (b"sBIT", b"\2"), (b"tRNS", struct.pack(">H", 1)))
    found = dict(chunks(restored(tmp_path, "a.png", data).data))
    assert found[b"bKGD"] == struct.pack(">H", 170) and found[b"sBIT"] == b"\2\x08"  # all bits of alpha count
    np.testing.assert_array_equal(photographs.read(tmp_path / "a.png").pixels[..., 0], (A[..., 1] >> 6) * 85)


def test_chunks_stay_in_their_order(tmp_path):
    before = [(b"gAMA", bytes(4)), (b"pHYs", struct.pack(">IIB", 3000, 2000, 1)), (b"prVt", b"private")]
    found = [
        name
        for name, _ in chunks(restored(tmp_path, "a.png", png(A, 8, 2, *before, behind=[(b"tIME", bytes(7))])).data)
    ]
    assert found == [b"IHDR", b"gAMA", b"pHYs", b"prVt", b"IDAT", b"tIME", b"IEND"]


def test_what_is_unsafe_to_copy_is_named(tmp_path):
    out = restored(tmp_path, "a.png", png(A, 8, 2, (b"mkBT", b"layers"), (b"iDOT", bytes(28))) + b"behind")
    assert out.said == "without its mkBT chunk and its 6 bytes behind the picture" and b"iDOT" not in out.data


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt"])
def test_exif_data_as_hexadecimal_text(name, tmp_path):
    told = exif(orientation=6, artist="José".encode())
    written = b"\nexif\n%8d\n%s\n" % (len(told), told.hex().encode())
    rest = b"\0" + zlib.compress(written) if name == b"zTXt" else written
    out = restored(tmp_path, "a.png", png(A, 8, 2, (name, b"Raw profile type exif\0" + rest)))
    assert out.pixels.shape == np.rot90(A).shape
    (new,) = [content for kind, content in chunks(out.data) if kind == name]
    new = new.partition(b"\0")[2]
    new = zlib.decompress(new[1:]) if name == b"zTXt" else new
    image = Image.Exif()
    image.load(bytes.fromhex(new.split(b"\n", 3)[3].decode()))
    assert image[0x112] == 1 and "José".encode() in bytes.fromhex(new.split(b"\n", 3)[3].decode())


@pytest.mark.parametrize("packed", [False, True])
def test_xmp_loses_its_promises_and_keeps_its_compression(packed, tmp_path):
    promise = packet('GCamera:MotionPhoto="1"')
    content = b"XML:com.adobe.xmp\0" + bytes([packed, 0, 0, 0]) + (zlib.compress(promise) if packed else promise)
    out = restored(tmp_path, "a.png", png(A, 8, 2, (b"iTXt", content), (b"eXIf", NAMED[6:])))
    (new,) = [content for name, content in chunks(out.data) if name == b"iTXt"]
    assert new[:22] == content[:22] and out.said == "without its motion clip"
    kept = zlib.decompress(new[22:]) if packed else new[22:]
    assert b"MotionPhoto" not in kept and 'dc:format="José"'.encode() in kept


def test_how_much_is_missing(tmp_path):
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "PNG", compress_level=0)
    data = buffer.getvalue()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 4])
    photograph = photographs.read(tmp_path / "a.png")
    assert "75 % of the picture" in photograph.notes[0]
    np.testing.assert_array_equal(photograph.pixels[:15], noise[:15])
    assert not photograph.pixels[17:].any()


def test_comments_of_a_gif_file_become_texts(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(A).convert("P").save(buffer, "GIF", comment="am Fluß".encode())
    out = restored(tmp_path, "a.gif", buffer.getvalue())
    assert Image.open(out.path).text["Comment"] == "am Fluß"
