import io
import struct

import numpy as np
import pytest
from photograph_cases import layers, psnr, restored
from photograph_files import A, encoded, exif, jpeg, segment, with_segments
from PIL import Image

from gandeblur.inference import photographs
from gandeblur.inference.formats import colour, jpeg_planes

TABLES = list(Image.open(io.BytesIO(jpeg())).quantization.values())


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(40, 56), (33, 41), (1, 1), (8, 17)])
@pytest.mark.parametrize("number, ratio", [(0, (1, 1)), (1, (2, 1)), (2, (2, 2))])
def test_component_by_component_is_as_good_as_pillow(number, ratio, size, progressive):
    picture = A[: size[0], : size[1]]
    data = jpeg_planes.encoded(Image.fromarray(picture), ratio, TABLES, progressive)
    own = decoded(encoded("JPEG", picture, qtables=TABLES, subsampling=number))
    assert psnr(decoded(data), picture) > psnr(own, picture) - 0.5
    image = Image.open(io.BytesIO(data))
    assert image.quantization == {0: TABLES[0], 1: TABLES[1], 2: TABLES[1]}
    assert bool(image.info.get("progressive")) == progressive


@pytest.mark.parametrize("ratio", [(1, 2), (4, 1), (4, 2), (1, 4)])
def test_other_samplings(ratio):
    """Colours that change along the direction with less chroma are those that lose."""
    data = jpeg_planes.encoded(Image.fromarray(A), ratio, TABLES, False)
    assert psnr(decoded(data), A) > 32
    flat = np.broadcast_to(A[:1, :1], A.shape)
    assert (
        np.abs(decoded(jpeg_planes.encoded(Image.fromarray(flat), ratio, TABLES, False)).astype(int) - flat).max() <= 2
    )


def test_a_turned_picture_keeps_its_chroma_where_it_is(tmp_path):
    out = restored(tmp_path, "a.jpg", jpeg(subsampling=1, exif=exif(orientation=6)))
    assert layers(out) == [(1, 2), (1, 1), (1, 1)]
    upright = np.rot90(decoded(out.source.read_bytes()), -1)
    assert psnr(decoded(out.data), upright) > 45


def test_red_green_and_blue_as_components(tmp_path):
    out = restored(tmp_path, "a.jpg", jpeg(keep_rgb=True, quality=95))
    assert Image.open(out.path).info["adobe_transform"] == 0 and out.db > 45


def test_a_file_keeps_its_segments_and_no_other(tmp_path):
    """Without JFIF's segment there is none afterwards; a density in no unit stays what it is: an aspect ratio."""
    own = jpeg(dpi=(72, 72))
    assert own[2:4] == b"\xff\xe0"
    bare = own[:2] + segment(0xE5, b"maker's own") + own[20:]
    data = restored(tmp_path, "a.jpg", bare).data
    assert data[2:4] == b"\xff\xe5" and b"JFIF" not in data and data.count(b"maker's own") == 1
    ratio = own[:13] + struct.pack(">BHH", 0, 4, 3) + own[18:]
    assert restored(tmp_path, "b.jpg", ratio).data[2:20] == ratio[2:20]


def test_a_resource_that_goes_on_in_a_second_segment(tmp_path):
    body = b"8BIM\x04\x04\0\0" + struct.pack(">I", 70000) + bytes(70000)
    parts = [(0xED, b"Photoshop 3.0\0" + part) for part in (body[:60000], body[60000:])]
    data = with_segments(*parts)
    assert restored(tmp_path, "a.jpg", data).data.count(b"Photoshop 3.0\0") == 2


def cmyk_profile():
    """A device whose cyan is a red, in 16 colours: ICC.1:2010, 10.8."""
    corners = np.array(np.meshgrid(*[[0, 1]] * 4, indexing="ij")).reshape(4, -1).T
    lab = [(255 - 150 * k - 60 * c, 128 + 60 * c, 128 + 40 * c) for c, m, y, k in corners]
    identity = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut += identity * 4 + bytes(np.clip(lab, 0, 255).astype(np.uint8).ravel().tolist()) + identity * 3
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags, data = b"", b""
    for name, content in ((b"desc", text), (b"wtpt", white), (b"A2B0", lut), (b"A2B1", lut)):
        tags += name + struct.pack(">II", 128 + 4 + 48 + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", 132 + 48 + len(data), b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", 4) + tags + data


def test_cmyk_by_its_profile(tmp_path):
    cyan = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    buffer = io.BytesIO()
    cyan.save(buffer, "JPEG", icc_profile=cmyk_profile(), quality=95)
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    photograph = photographs.read(tmp_path / "a.jpg")
    red, green, blue = photograph.pixels[9, 9].tolist()
    assert red > 200 > 180 > green and photograph.notes == ("CMYK became RGB by its profile",)
    out = restored(tmp_path, "a.jpg", buffer.getvalue())
    assert Image.open(out.path).info["icc_profile"] == colour.srgb()
    assert np.abs(out.pixels - photograph.pixels).max() <= 4


def test_equal_channels_stay_equal(tmp_path):
    """A network tints what is grey: the mean of its channels is what a grey file gets, too."""
    grey = A[..., 0]

    def tinting(image, **options):
        return np.clip(image.astype(int) + [9, 1, -7], 0, 255).astype(image.dtype)

    results = []
    for name, data in (("rgb.png", encoded("PNG", np.dstack([grey] * 3))), ("grey.png", encoded("PNG", grey))):
        (tmp_path / name).write_bytes(data)
        photograph = photographs.read(tmp_path / name)
        photographs.write(tmp_path / f"new_{name}", tinting(photograph.pixels), photograph)
        image = Image.open(tmp_path / f"new_{name}")
        assert image.mode == ("RGB" if name == "rgb.png" else "L")
        results.append(np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(*results)
    assert np.ptp(results[0], axis=2).max() == 0 and np.abs(results[0][..., 0].astype(int) - grey).max() <= 2


def test_several_further_pictures_are_counted(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(A).save(buffer, "MPO", save_all=True, append_images=[Image.fromarray(A[::-1])] * 2)
    assert restored(tmp_path, "a.mpo", buffer.getvalue()).said == "without its 2 other pictures"
