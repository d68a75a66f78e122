"""TIFF files: 8 and 16 bits, others of up to 16 bits as 16, with every tag that does not describe the coding."""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from gandeblur.errors import InputError
from gandeblur.inference.formats import colour, raw, tiff_tags
from gandeblur.inference.formats.photograph import Photograph, from_channels, limit, opened, sixteen, without
from gandeblur.inference.formats.tiff_tags import ORIENTATION, PROFILE, Kept

# Without loss, by TIFF's number and by Pillow's name; what has another one is written by deflate.
_LOSSLESS = {1: "raw", 5: "tiff_lzw", 8: "tiff_adobe_deflate", 32946: "tiff_adobe_deflate", 32773: "packbits"}
_LOSSLESS |= {34925: "lzma", 50000: "zstd"}
_DEFLATE, _COMPRESSION, _PREDICTOR, _TRANSFER_FUNCTION = 8, 259, 317, 301
_MOST_BYTES = 2**32 - 2**26  # offsets have 32 bits


def read(path: Path) -> Photograph:
    """Reads the first page of a TIFF file, or develops the sensor's values where it holds those."""
    import tifffile  # here, as below: it takes a fifth of a second

    with open(path, "rb") as file:
        tags = tiff_tags.read(file)
        missing = tiff_tags.missing(file, tags)
    if raw.holds_sensor_values(path, tags):
        return raw.read(path)
    source: Path | io.BytesIO = path
    damage = []
    if missing and tags.number(_COMPRESSION, 1) == 1:
        source = io.BytesIO(path.read_bytes() + bytes(missing))
        damage = ["the file ends too early: what is missing of the picture stays black"]
    with tifffile.TiffFile(source, name=path.name) as tiff:
        pages, page = len(tiff.pages), tiff.pages.first
        if page.is_reduced:
            raise InputError(
                f"{path}: its first picture is a small copy of another; save that one as a file of its own"
            )
        limit(page.imagewidth, page.imagelength)
        bits = int(np.max(page.bitspersample))
        plain = set(np.ravel(page.sampleformat).tolist()) == {1}
        notes = [f"the first of {pages} pages"] if pages > 1 else []
        array = _by_pillow(source, notes) if bits <= 8 and plain else None
        lies = 1 if array is not None else tags.number(ORIENTATION)
        if array is None:
            array = _by_tifffile(path, page, bits)
        if bits not in (1, 2, 4, 8, 16):
            notes.append(f"{bits} bits became 16")
        array, said = _known_channels(array, page)
        notes += said
        compression, kind = page.compression, tifffile.COMPRESSION(page.compression).name
    orientation = tags.number(ORIENTATION)
    described, gone = tiff_tags.described(tags, orientation)
    if any("became RGB" in note for note in notes):
        described.tags[PROFILE] = tiff_tags.undefined(colour.srgb())
    if bits not in (8, 16):
        described.tags.pop(_TRANSFER_FUNCTION, None)  # it has an entry for each value
    if compression not in _LOSSLESS:
        notes.append(f"{kind} became deflate, without loss")
        compression = _DEFLATE
    kept = Kept(described, compression, tags.number(_PREDICTOR, 1))
    profile = described.tags[PROFILE].data if PROFILE in described.tags else None
    return from_channels(array, lies, "TIFF", kept, profile).noted(*notes, without(gone), damage=damage)


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes 8 or 16 bits, as many as the photograph has, with its tags and, if it is lossless, its compression."""
    import tifffile

    kept: Kept = photograph.kept
    array = photograph.array(restored)
    if array.nbytes > _MOST_BYTES:
        raise InputError(f"{path}: a TIFF file of more than 4 GiB is not written; cut the picture into parts")
    with tempfile.TemporaryFile(dir=path.parent) as pixels:
        if array.dtype == np.uint8:
            options = {} if kept.compression in (1, 32773) or kept.predictor != 2 else {"tiffinfo": {_PREDICTOR: 2}}
            image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
            image.save(pixels, "TIFF", compression=_LOSSLESS[kept.compression], **options)
        else:
            channels = array.shape[2]
            tifffile.imwrite(
                tifffile.FileHandle(pixels, mode="r+b", name="pixels.tif"),
                array[..., 0] if channels == 1 else array,
                byteorder=kept.tags.order,
                photometric="minisblack" if channels < 3 else "rgb",
                extrasamples=["unassalpha"] if channels in (2, 4) else None,
                planarconfig="contig" if channels > 1 else None,
                compression=None if kept.compression == 1 else "zlib",
                software=None,
                metadata=None,
            )
        tiff_tags.assemble(path, pixels, kept.tags)


def _by_pillow(source, notes):
    """`[H, W, channels]` of 8 bits, upright, with alpha if there is some; None if Pillow does not know the coding."""
    try:
        with opened(source, "TIFF") as image:
            image.load()
    except (UnidentifiedImageError, OSError, ValueError) as error:
        if "truncated" in str(error):
            raise
        return None
    if image.mode in ("CMYK", "LAB"):
        array, said = colour.to_rgb(image, image.info.get("icc_profile", b""))
        notes.append(said)
        return array
    if image.mode in ("I;16", "I", "F"):
        return None
    if image.mode in ("P", "PA", "RGBA", "RGBa", "LA", "La", "1"):
        image = image.convert(
            {"P": "RGB", "PA": "RGBA", "RGBa": "RGBA", "La": "LA", "1": "L"}.get(image.mode, image.mode)
        )
    elif image.mode != "L":
        image = image.convert("RGB")
    array = np.asarray(image)
    return array.reshape(*array.shape[:2], -1)


def _by_tifffile(path, page, bits):
    """`[H, W, channels]`, uint8 or uint16."""
    import tifffile

    from_white = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    if not from_white and page.photometric not in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB):
        meaning = tifffile.PHOTOMETRIC(page.photometric).name
        raise InputError(f"{path}: holds {meaning} values; convert it to RGB of 16 bits first")
    if bits > 16:
        raise InputError(f"{path}: has {bits} bits per value; convert it to 8 or 16 first")
    if tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
        raise InputError(f"{path}: holds colours multiplied by their transparency; convert it to plain alpha first")
    try:
        array, axes = page.asarray(), page.axes
    except (ValueError, NotImplementedError) as error:
        if "imagecodecs" not in str(error):
            raise
        kind = tifffile.COMPRESSION(page.compression).name
        raise InputError(f"{path}: {kind} of {bits} bits needs imagecodecs; pip install 'gandeblur[tiff]'") from error
    if array.dtype not in (np.uint8, np.uint16) or not set(axes) <= set("YXS"):
        raise InputError(f"{path}: holds {array.dtype} values along {axes}; convert it to RGB of 8 or 16 bits first")
    array = array[..., None] if array.ndim == 2 else array
    array = np.moveaxis(array, axes.index("S"), -1) if "S" in axes else array
    array = array if bits == 8 else sixteen(array, bits)
    if from_white:  # not a channel of transparency
        array[..., 0] = np.iinfo(array.dtype).max - array[..., 0]
    return array


def _known_channels(array, page):
    """Grey or RGB, and alpha where a channel says that it is that; what other channels there were."""
    colours = 1 if page.photometric in (0, 1) else 3
    kinds = [int(kind) for kind in page.extrasamples]
    further = page.samplesperpixel - (1 if page.photometric == 3 else 4 if page.photometric == 5 else colours)
    if not kinds and further > 0:
        kinds = [2]  # some programs do not say that it is alpha
    opaque = next((place for place, kind in enumerate(kinds) if kind in (1, 2, 999)), None)
    others = further - (opaque is not None)
    said = [f"without its {'mask' if others == 1 else f'{others} further channels'}"] if others > 0 else []
    if array.shape[2] <= colours:  # Pillow leaves out what it does not know
        return array, said
    alpha = [] if opaque is None else [colours + min(opaque, array.shape[2] - colours - 1)]
    return array[..., [*range(colours), *alpha]], said
