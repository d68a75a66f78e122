"""What went in comes out: each kind of file by a "restoration" that inverts the colours."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin, TiffImagePlugin

from gandeblur import cli
from gandeblur.errors import InputError
from gandeblur.inference import files, photographs
from gandeblur.inference.formats import tiff_tags

RGB = np.random.default_rng(0).integers(0, 256, (24, 37, 3), dtype=np.uint8)
RGB16 = np.random.default_rng(0).integers(0, 65536, (24, 37, 3), dtype=np.uint16)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def inverted(pixels, progress=lambda share: None):
    progress(1.0)
    return np.iinfo(pixels.dtype).max - pixels


def exif(orientation=1):
    told = Image.Exif()
    told[0x0112], told[0x010F] = orientation, "Maker"
    return told.tobytes()


def restored_file(path, tmp_path):
    """The file after `restore_files`, and both as photographs."""
    out = tmp_path / "out"
    (job,) = files.jobs([str(path)], out)
    assert files.restore_files(inverted, [job]) == []
    before, after = photographs.read(path), photographs.read(job.target)
    assert (after.format, after.grey, after.pixels.dtype) == (before.format, before.grey, before.pixels.dtype)
    assert after.pixels.shape == before.pixels.shape
    return job.target, before, after


def restored(path, tmp_path):
    """The same, the file opened by Pillow."""
    target, before, after = restored_file(path, tmp_path)
    return Image.open(target), before, after


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.webp"])
def test_lossless_files_and_their_profile_and_resolution(name, tmp_path):
    options = {"lossless": True} if name == "a.webp" else {}
    ramp = np.arange(24 * 37 * 3).reshape(24, 37, 3) // 12 % 256
    colours = ramp.astype(np.uint8) if name == "a.webp" else RGB  # written at quality 95: WebP does not tell its own
    Image.fromarray(colours).save(tmp_path / name, icc_profile=PROFILE, dpi=(300, 300), **options)
    image, before, after = restored(tmp_path / name, tmp_path)
    assert np.abs(after.pixels.astype(int) - (255 - colours)).mean() <= (3 if name == "a.webp" else 0)
    if name != "a.bmp":  # which has none
        assert image.info["icc_profile"] == PROFILE
    if name != "a.webp":
        assert [round(float(value)) for value in image.info["dpi"]] == [300, 300]


def test_a_jpeg_file_keeps_its_quality_and_its_data(tmp_path):
    options = {"quality": 71, "subsampling": 1, "progressive": True, "icc_profile": PROFILE, "dpi": (240, 240)}
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif(), **options)
    image, before, after = restored(tmp_path / "a.jpg", tmp_path)
    old = Image.open(tmp_path / "a.jpg")
    assert image.quantization == old.quantization and "progressive" in image.info
    assert (image.layer, image.info["dpi"]) == (old.layer, (240, 240))
    assert image.info["icc_profile"] == PROFILE and image.getexif()[0x010F] == "Maker"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "16.png"])
def test_the_orientation_is_applied_once(name, orientation, tmp_path):
    if name == "16.png":
        data = tf.io.encode_png(RGB16).numpy()
        content = exif(orientation).removeprefix(b"Exif\0\0")
        chunk = struct.pack(">I", len(content)) + b"eXIf" + content + struct.pack(">I", zlib.crc32(b"eXIf" + content))
        (tmp_path / name).write_bytes(data[:33] + chunk + data[33:])
    else:
        Image.fromarray(RGB).save(tmp_path / name, exif=exif(orientation))
    image, before, after = restored(tmp_path / name, tmp_path)
    stored = RGB16 if name == "16.png" else np.asarray(Image.open(tmp_path / name))
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(stored, 1),
    }[orientation]
    np.testing.assert_array_equal(before.pixels, upright)
    assert image.getexif().get(0x0112, 1) == 1 and image.getexif()[0x010F] == "Maker"
    if name != "a.jpg":
        np.testing.assert_array_equal(after.pixels, np.iinfo(upright.dtype).max - upright)


@pytest.mark.parametrize("told", [b'<x tiff:Orientation="6"/>', b"<tiff:Orientation>6</tiff:Orientation>"])
@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_xmp_does_not_turn_it_again(told, name, tmp_path):
    if name == "a.jpg":
        Image.fromarray(RGB).save(tmp_path / name, exif=exif(6), xmp=told)
    else:
        Image.fromarray(RGB).save(tmp_path / name, tiffinfo={0x0112: 6, 700: told})
    image, before, _ = restored(tmp_path / name, tmp_path)
    assert image.size == before.pixels.shape[1::-1] == RGB.shape[:2]
    assert ImageOps.exif_transpose(image).size == image.size
    kept = image.info.get("xmp") or image.tag_v2[700]
    assert b"Orientation" in kept and b"6" not in kept


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_alpha_and_sixteen_bits(bits, channels, suffix, tmp_path):
    array = np.dstack([RGB16, RGB16[..., :1]]) if bits == 16 else np.dstack([RGB, RGB[..., :1]])
    array = array[..., {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]]
    path = tmp_path / f"a.{suffix}"
    if suffix == "png":
        path.write_bytes(tf.io.encode_png(array).numpy())
    else:
        photometric, extra = ("rgb" if channels > 2 else "minisblack"), (["unassalpha"] if channels % 2 == 0 else None)
        tifffile.imwrite(path, array.squeeze(), photometric=photometric, extrasamples=extra, planarconfig="contig")
    _, before, after = restored_file(path, tmp_path)  # Pillow does not open 16 bits of grey with transparency
    assert before.grey == (channels < 3) and (before.alpha is not None) == (channels % 2 == 0)
    np.testing.assert_array_equal(after.pixels, np.iinfo(array.dtype).max - before.pixels)
    np.testing.assert_array_equal(before.pixels[..., 0], array[..., 0])
    if before.alpha is not None:
        np.testing.assert_array_equal(after.alpha, array[..., -1])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "16 bits"])
def test_a_tiff_file_keeps_its_exif_data(compression, tmp_path):
    path, half = tmp_path / "a.tif", TiffImagePlugin.IFDRational(1, 2)
    told = {
        271: "Maker",
        305: "Software",
        700: b"<x:xmpmeta/>",
        ExifTags.Base.ExifOffset: {0x829A: half, 0x9003: "2020:01:01 00:00:00", 0x927C: b"note\0\1", 0x8827: 200},
        ExifTags.Base.GPSInfo: {1: "N", 2: (half, half, half)},
    }
    exif = Image.Exif()
    exif[0x0112] = 6
    for tag, value in told.items():
        exif[tag] = value
    if compression == "16 bits":
        resolution = {"resolution": (300, 300), "resolutionunit": "INCH"}
        tifffile.imwrite(tmp_path / "pixels.tif", RGB16, photometric="rgb", byteorder=">", metadata=None, **resolution)
    else:
        Image.fromarray(RGB).save(tmp_path / "pixels.tif", compression=compression, dpi=(300, 300))
    with open(tmp_path / "pixels.tif", "rb") as pixels:
        own = tiff_tags.read(pixels)
        described = tiff_tags.read(io.BytesIO(exif.tobytes().removeprefix(b"Exif\0\0")))
        for tag in (282, 283, 296):  # the resolution
            described.tags[tag] = tiff_tags._ordered(own.tags[tag], own.order, ">")
        tiff_tags.assemble(path, pixels, described)
    image, before, after = restored(path, tmp_path)
    stored = RGB16 if compression == "16 bits" else RGB
    np.testing.assert_array_equal(before.pixels, np.rot90(stored, -1))
    np.testing.assert_array_equal(after.pixels, np.iinfo(stored.dtype).max - before.pixels)
    exif = image.getexif()
    for tag, value in told.items():
        assert (exif.get_ifd(tag) if isinstance(value, dict) else exif[tag]) == value
    assert exif.get(0x0112, 1) == 1 and image.info["dpi"] == (300, 300)
    with tifffile.TiffFile(path) as tiff:  # by another reader
        page = tiff.pages.first
        assert page.tags["ExifTag"].value["DateTimeOriginal"] == "2020:01:01 00:00:00"
        assert page.tags["GPSTag"].value["GPSLatitudeRef"] == "N" and page.tags["Software"].value == "Software"


@pytest.mark.parametrize("predictor", [False, True])
def test_compressed_tiff_files_of_16_bits(predictor, tmp_path, monkeypatch):
    """As Photoshop and Lightroom write them."""
    path = tmp_path / "a.tif"
    pytest.importorskip("imagecodecs")
    tifffile.imwrite(path, RGB16, photometric="rgb", compression="lzw", predictor=predictor)
    _, before, after = restored_file(path, tmp_path)
    np.testing.assert_array_equal(before.pixels, RGB16)
    np.testing.assert_array_equal(after.pixels, 65535 - RGB16)

    def missing(page):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", missing)
    with pytest.raises(InputError, match=r"a.tif: LZW of 16 bits needs imagecodecs; pip install 'gandeblur\[tiff\]'"):
        photographs.read(path)


@pytest.mark.parametrize("colours", [RGB, RGB[..., 0], RGB16])
def test_what_is_shown_keeps_the_profile(colours, tmp_path):
    if colours.dtype == np.uint16:
        tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb", iccprofile=PROFILE)
    else:
        Image.fromarray(colours).save(tmp_path / "a.tif", icc_profile=PROFILE)
    photographs.shown(photographs.read(tmp_path / "a.tif")).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as shown:
        assert shown.info["icc_profile"] == PROFILE and shown.mode == ("L" if colours.ndim == 2 else "RGB")


def test_palettes_and_cmyk_become_rgb(tmp_path):
    Image.fromarray(RGB).convert("P").save(tmp_path / "a.png")
    Image.fromarray(RGB).convert("P").save(tmp_path / "one.gif")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.jpg")
    assert restored(tmp_path / "a.png", tmp_path)[0].mode == "RGB"
    assert restored(tmp_path / "one.gif", tmp_path)[0].filename.endswith("one.png")
    image, before, _ = restored(tmp_path / "a.jpg", tmp_path)
    assert image.mode == "RGB" and before.notes == ("CMYK became RGB",)


@pytest.mark.parametrize(
    "photometric, extra, said",
    [("cielab", None, "CIELAB"), ("separated", None, "SEPARATED"), ("rgb", ["assocalpha"], "multiplied by")],
)
def test_sixteen_bits_that_mean_something_else_are_refused(photometric, extra, said, tmp_path):
    array = RGB16 if photometric == "cielab" else np.dstack([RGB16, RGB16[..., :1]])
    tifffile.imwrite(tmp_path / "a.tif", array, photometric=photometric, extrasamples=extra)
    with pytest.raises(InputError, match=f"a.tif: holds .*{said}.*; convert it to"):
        photographs.read(tmp_path / "a.tif")


def test_a_png_file_keeps_its_xmp(tmp_path):
    told = PngImagePlugin.PngInfo()
    told.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>\u00e4</x:xmpmeta>")
    Image.fromarray(RGB).save(tmp_path / "a.png", pnginfo=told)
    image, _, _ = restored(tmp_path / "a.png", tmp_path)
    assert image.info["xmp"].decode() == "<x:xmpmeta>\u00e4</x:xmpmeta>"


def test_animations_and_floats_are_refused(tmp_path):
    frames = [Image.fromarray(RGB).convert("P"), Image.fromarray(255 - RGB).convert("P")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="a.gif: holds 2 pictures"):
        photographs.read(tmp_path / "a.gif")
    tifffile.imwrite(tmp_path / "f.tif", RGB[..., 0].astype(np.float32))
    with pytest.raises(InputError, match="f.tif: has 32 bits per value; convert it"):
        photographs.read(tmp_path / "f.tif")


def test_the_rest_goes_on_and_nothing_is_half_written(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png", "sub/c.png"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        Image.fromarray(RGB).save(tmp_path / "in" / name)
    (tmp_path / "in/b.png").write_bytes(b"x")

    def failing(pixels, progress):
        if calls.append(1) or len(calls) == 2:
            raise MemoryError("no room")
        return pixels

    calls = []
    todo = files.jobs([str(tmp_path / "in")], tmp_path / "out")
    failed = files.restore_files(failing, todo)
    assert [line.split(": ")[1:][0][:20] for _, line in failed] == ["cannot be read (not ", "MemoryError"]
    assert [path.name for path in sorted((tmp_path / "out").rglob("*")) if path.is_file()] == ["a.png"]
    assert capsys.readouterr().out == f"{tmp_path / 'out/a.png'}\n"


def test_what_is_meant_and_where_it_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "in/sub/a.jpg", "other/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RGB).save(name)
    out = files.Path("out")
    assert [str(job.target) for job in files.jobs(["in"], out)] == ["out/a.png", "out/sub/a.jpg"]
    assert [str(job.target) for job in files.jobs(["in/*.png", "in/**/*.jpg"], out)] == ["out/a.png", "out/a.jpg"]
    assert [str(job.target) for job in files.jobs(["in"], files.Path("."))] == ["a.png", "sub/a.jpg"]
    assert [str(job.target) for job in files.jobs(["in/sub"], files.Path("in"))] == ["in/a.jpg"]
    assert [str(job.source) for job in files.jobs([str(tmp_path / "in")], files.Path("in/sub"))] == [
        str(tmp_path / "in/a.png")
    ]
    assert len(files.jobs(["in/a.png", "in/*.png"], out)) == 1
    for inputs, place, line in (
        (["i*"], out, r"i\*: no such file or folder"),
        (["in"], files.Path("in"), "in/a.png: would be replaced by its restored picture"),
        (["in/a.png", "other/a.png"], out, "other/a.png: would become out/a.png, as in/a.png would"),
        (["in/a.png"], files.Path("in"), "in/a.png: would be replaced by its restored picture"),
        (["none.png"], out, "none.png: no such file or folder"),
    ):
        with pytest.raises(InputError, match=line):
            files.jobs(inputs, place)
    out.mkdir()
    (out / "a.png").touch()
    with pytest.raises(InputError, match="out/a.png: exists; choose another folder with -o"):
        files.jobs(["in/a.png"], out)
    assert files.jobs(["in/a.png"], out, force=True)
    assert [str(job.source) for job in files.jobs(["in"], out, skip_existing=True)] == ["in/sub/a.jpg"]


@pytest.mark.parametrize("option", ["--tile=7", "--tile=x", "--memory=much"])
def test_options_that_cannot_be_read(option, capsys):
    with pytest.raises(SystemExit):
        cli.main(["restore", "a.png", "-o", "out", "--model", "x", option])
    assert option.partition("=")[2] in capsys.readouterr().err
