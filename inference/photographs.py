"""A photographer's files: pixels with all that belongs to them, kept from the blurred file to the restored one.

Kept are the size, the kind of file, 8 or 16 bits, grey, transparency, the colour profile, EXIF and XMP data, the
resolution, and a JPEG file's quantisation, that is, its quality. The EXIF orientation is applied to the pixels, once.
"""

import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from gandeblur.errors import InputError
from gandeblur.files import replacing

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp")
# A TIFF file's tags that describe the photograph: description, maker, model, software, date, artist, host computer,
# XMP, copyright, IPTC. The others describe the pixels as they lie in the file.
_XMP_TAG = 700
_TIFF_TAGS = (270, 271, 272, 305, 306, 315, 316, 700, 33432, 33723)
_TIFF_GROUPS = (ExifTags.Base.ExifOffset, ExifTags.Base.GPSInfo)
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")


@dataclass(frozen=True)
class Photograph:
    """An image file, read.

    Attributes:
        pixels: uint8 or uint16 `[H, W, 3]`, upright; of a grey image, three times the same.
        alpha: opacity, `[H, W]` of the same type; None where the file has none.
        grey: whether the file has one channel.
        format: Pillow's name of the file's kind.
        extras: what `write` gives to the new file.
        notes: what could not be kept, in words.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    grey: bool
    format: str
    extras: dict[str, Any] = field(repr=False)
    notes: tuple[str, ...] = ()


def read(path: Path) -> Photograph:
    """Reads a JPEG, PNG, TIFF, WebP or BMP file, told by its content; a GIF of one picture.

    Raises:
        InputError: the file is missing, no image, damaged, animated, too large, or of numbers that are no 8 or 16 bits.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            tags = _tiff_tags(path)
            if tags and max(np.atleast_1d(tags.get(258, 1))) == 16:
                return _read_tiff_16(path, tags)
            with Image.open(path, formats=_FORMATS) as image:
                return _read(path, image, tags)
    except InputError:
        raise
    except UnidentifiedImageError:
        empty = path.is_file() and not path.stat().st_size
        reason = "the file is empty" if empty else "not a JPEG, PNG, TIFF, WebP or BMP image"
    except Image.DecompressionBombError:
        reason = f"it says to have more than {2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels"
    except Exception as error:  # a damaged file makes decoders raise almost anything
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
    raise InputError(f"{path}: cannot be read ({reason}); replace the file or leave it out")


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes restored pixels as a file of the photograph's kind, whole or not at all.

    Args:
        path: file to write or replace.
        restored: as the photograph's `pixels`.
        photograph: whose alpha, kind and extras the file gets.
    """
    channels = [restored]
    if photograph.grey:
        channels = [np.rint(restored.mean(axis=2, keepdims=True)).astype(restored.dtype)]
    if photograph.alpha is not None:
        channels.append(photograph.alpha[..., None])
    array = np.concatenate(channels, axis=2)
    extras = dict(photograph.extras)
    tags = extras.pop("tags", None)
    with replacing(path) as temporary:
        if array.dtype == np.uint8:
            image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
            if photograph.format == "PNG" and "xmp" in extras:  # which Pillow reads there, and does not write
                extras["pnginfo"] = PngImagePlugin.PngInfo()
                extras["pnginfo"].add_itxt("XML:com.adobe.xmp", extras.pop("xmp").decode("utf-8", "replace"))
            image.save(temporary, format=photograph.format, **extras)
        elif photograph.format == "PNG":
            temporary.write_bytes(_png_16(array, extras))
        else:
            _write_tiff_16(temporary, array, extras)
        if tags:
            _add_tiff_tags(temporary, tags)


def shown(photograph: Photograph) -> Image.Image:
    """The picture for what shows RGB or grey of 8 bits, with the file's colour profile, which saving as PNG keeps."""
    pixels = photograph.pixels[..., 0] if photograph.grey else photograph.pixels
    image = Image.fromarray(pixels if pixels.dtype == np.uint8 else (pixels // 257).astype(np.uint8))
    if "icc_profile" in photograph.extras:
        image.info["icc_profile"] = photograph.extras["icc_profile"]
    return image


def _read(path, image, tags):
    if getattr(image, "n_frames", 1) > 1 and image.format not in ("MPO", "TIFF"):
        raise InputError(f"{path}: holds {image.n_frames} pictures; restore them one by one, or as a video")
    kind = {"MPO": "JPEG", "GIF": "PNG"}.get(image.format, image.format)  # a JPEG file with previews; a palette
    notes = []
    if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
        notes.append(f"the first of {image.n_frames} pages")
    image.load()  # a PNG file's EXIF data may follow its pixels
    turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    extras = _extras(image, kind, tags)
    bits = _bits(path, image, tags)
    if bits > 16:
        raise InputError(f"{path}: has {bits} bits per value; convert it to 8 or 16 first")
    if bits == 16:
        import tensorflow as tf  # here: it takes seconds

        array = tf.io.decode_png(path.read_bytes(), dtype=tf.uint16).numpy()
        return _of_16_bits(array, turn, kind, extras)
    grey = image.mode in ("1", "L", "LA", "La")
    if image.mode == "CMYK":
        extras.pop("icc_profile", None)
        notes.append("CMYK became RGB")
    transparent = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    alpha = _upright(np.asarray(image.convert("RGBA"))[..., 3], turn) if transparent else None
    return Photograph(_upright(np.asarray(image.convert("RGB")), turn), alpha, grey, kind, extras, tuple(notes))


def _of_16_bits(array, turn, kind, extras, notes=()):
    """From uint16 `[H, W, channels]` as it lies in the file: Pillow keeps only the upper bytes of colours."""
    array = _upright(array, turn)
    grey, transparent = array.shape[2] < 3, array.shape[2] in (2, 4)
    colours = np.repeat(array[..., :1], 3, axis=2) if grey else array[..., :3]
    return Photograph(colours, array[..., -1] if transparent else None, grey, kind, extras, notes)


def _read_tiff_16(path, tags):
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        pages, page = len(tiff.pages), tiff.pages.first
        height, width = page.imagelength, page.imagewidth
        if height * width > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
            raise Image.DecompressionBombError
        if page.photometric not in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB):
            meaning = tifffile.PHOTOMETRIC(page.photometric).name
            raise InputError(f"{path}: holds {meaning} values; convert it to RGB of 16 bits first")
        if tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
            raise InputError(f"{path}: holds colours multiplied by their transparency; convert it to plain alpha first")
        try:
            array, axes = page.asarray(), page.axes
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            kind = tifffile.COMPRESSION(page.compression).name
            raise InputError(f"{path}: {kind} of 16 bits needs imagecodecs; pip install 'gandeblur[tiff]'") from error
    if array.dtype != np.uint16 or not set(axes) <= set("YXS"):
        raise InputError(f"{path}: holds {array.dtype} values along {axes}; convert it to RGB of 8 or 16 bits first")
    array = array[..., None] if array.ndim == 2 else array
    array = np.moveaxis(array, axes.index("S"), -1) if "S" in axes else array
    extras = {"icc_profile": tags.get(TiffImagePlugin.ICCPROFILE), "tags": _told(tags)}
    if tags.get(TiffImagePlugin.RESOLUTION_UNIT, 2) in (2, 3) and TiffImagePlugin.X_RESOLUTION in tags:
        inch = 2.54 if tags.get(TiffImagePlugin.RESOLUTION_UNIT) == 3 else 1.0
        extras["dpi"] = tuple(inch * float(tags[tag]) for tag in (282, 283))
    notes = (f"the first of {pages} pages",) if pages > 1 else ()
    return _of_16_bits(array, tags.get(ExifTags.Base.Orientation, 1), "TIFF", _present(extras), notes)


def _bits(path: Path, image: Image.Image, tags: "TiffImagePlugin.ImageFileDirectory_v2 | None") -> int:
    """Of one value in the file; Pillow tells only for some kinds."""
    if image.format == "PNG":
        with open(path, "rb") as file:
            return file.read(25)[24]  # in the IHDR chunk, always the first
    return max(np.atleast_1d(tags.get(258, 1))) if tags else 8


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF orientations: how the stored rows and columns lie in the upright picture."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array[::-1] if orientation in (3, 4, 7, 8) else array


def _upright_xmp(xmp: Any) -> Any:
    """XMP data may state the orientation, too; many readers turn by it where EXIF has none."""
    if not isinstance(xmp, bytes):
        return xmp
    return re.sub(rb"""(tiff:Orientation\s*(?:=\s*["']|>))\s*[2-8]""", rb"\g<1>1", xmp)


def _extras(image: Image.Image, kind: str, tags: "TiffImagePlugin.ImageFileDirectory_v2 | None") -> dict[str, Any]:
    """What Pillow's `save` takes to keep what belongs to the file."""
    exif = image.getexif()
    exif.pop(ExifTags.Base.Orientation, None)
    extras = {"icc_profile": image.info.get("icc_profile"), "dpi": image.info.get("dpi")}
    if kind != "TIFF":  # a TIFF file's own tags describe its pixels, too: not those
        extras |= {"exif": exif.tobytes() if len(exif) else None, "xmp": _upright_xmp(image.info.get("xmp"))}
    if kind == "JPEG" and hasattr(image, "quantization"):
        extras |= {
            "qtables": image.quantization,
            "subsampling": JpegImagePlugin.get_sampling(image),
            "progressive": "progressive" in image.info,
        }
    if kind == "WEBP":
        extras |= {"quality": 95}
    if kind == "TIFF":
        extras |= {"compression": image.info.get("compression"), "tags": _told(tags)}
    if kind == "BMP":
        extras = {"dpi": extras["dpi"]}
    return _present(extras)


def _present(extras: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extras.items() if value is not None and value != -1}


def _tiff_tags(path: Path) -> "TiffImagePlugin.ImageFileDirectory_v2 | None":
    """The tags of a TIFF file's first page, its EXIF and GPS data as a dict each; None if it is no such file."""
    with open(path, "rb") as file:
        header = file.read(8)
        if header[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return None
        header += file.read(8) if b"+" in header[:4] else b""

        def directory(offset: int, group: int | None = None) -> "TiffImagePlugin.ImageFileDirectory_v2":
            found = TiffImagePlugin.ImageFileDirectory_v2(header, group=group)
            file.seek(offset or found.next)
            found.load(file)
            return found

        tags = directory(0)
        for group in _TIFF_GROUPS:
            if group in tags:
                found = directory(tags[group], group)
                found.pop(ExifTags.IFD.Interop, None)  # another offset
                tags[group] = dict(found)
    return tags


def _told(tags):
    told = {tag: tags[tag] for tag in (*_TIFF_TAGS, *_TIFF_GROUPS) if tag in tags}
    if _XMP_TAG in told:
        told[_XMP_TAG] = _upright_xmp(told[_XMP_TAG])
    return told


def _add_tiff_tags(path: Path, tags: dict[int, Any]) -> None:
    """Adds tags to a TIFF file's first page: neither Pillow nor tifffile writes EXIF data into every kind of it.

    A new directory, with the entries of the old one, is written behind all else; the header then points to it.
    """
    with open(path, "r+b") as file:
        header = file.read(8)
        order = "<" if header[:2] == b"II" else ">"
        added = TiffImagePlugin.ImageFileDirectory_v2(header)
        for tag, value in tags.items():
            added[tag] = value
        place = file.seek(0, 2)
        place += file.write(b"\0" * (place % 2))
        written = added.tobytes(place)
        file.write(written)
        place += len(written) + file.write(b"\0" * (len(written) % 2))
        (first,) = struct.unpack(f"{order}I", header[4:])
        file.seek(first)
        (count,) = struct.unpack(f"{order}H", file.read(2))
        own, following = file.read(12 * count), file.read(4)
        (more,) = struct.unpack(f"{order}H", written[:2])
        entries = {}
        for block in (own, written[2 : 2 + 12 * more]):
            for start in range(0, len(block), 12):
                entries[struct.unpack_from(f"{order}H", block, start)] = block[start : start + 12]
        file.seek(place)
        file.write(
            struct.pack(f"{order}H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + following
        )
        file.seek(4)
        file.write(struct.pack(f"{order}I", place))


def _png_16(array: np.ndarray, extras: dict) -> bytes:
    """A PNG file of 16 bits, which Pillow does not write, with the extras as chunks before the pixels."""
    import tensorflow as tf

    data = tf.io.encode_png(array).numpy()
    chunks = []
    if "icc_profile" in extras:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(extras["icc_profile"])))
    if "dpi" in extras:
        per_metre = [round(float(value) / 0.0254) for value in extras["dpi"]]
        chunks.append((b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if "exif" in extras:
        chunks.append((b"eXIf", extras["exif"].removeprefix(b"Exif\0\0")))
    if "xmp" in extras:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + extras["xmp"]))
    return data[:33] + b"".join(_png_chunks(chunks)) + data[33:]  # behind the signature and IHDR


def _png_chunks(chunks: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for name, content in chunks:
        yield struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _write_tiff_16(path: Path, array: np.ndarray, extras: dict) -> None:
    import tifffile

    channels = array.shape[2]
    tifffile.imwrite(
        path,
        array[..., 0] if channels == 1 else array,
        photometric="minisblack" if channels < 3 else "rgb",
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        planarconfig="contig" if channels > 1 else None,
        compression="zlib",
        iccprofile=extras.get("icc_profile"),
        software=None,
        description=None,
        metadata=None,
        resolution=extras.get("dpi"),
        resolutionunit="INCH" if "dpi" in extras else None,
    )
