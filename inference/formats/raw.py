"""RAW files, which hold a sensor's values and small previews: developed by LibRaw, or refused by their kind's name."""

from pathlib import Path

import numpy as np

from gandeblur.errors import InputError
from gandeblur.inference.formats import colour, tiff_tags
from gandeblur.inference.formats.photograph import Photograph, from_channels
from gandeblur.inference.formats.tiff_tags import Kept, Tags

SUFFIXES: tuple[str, ...] = (
    ".dng",
    ".nef",
    ".nrw",
    ".arw",
    ".sr2",
    ".cr2",
    ".cr3",
    ".crw",
    ".raf",
    ".orf",
    ".rw2",
    ".pef",
    ".srw",
)
SUFFIXES += (".3fr", ".iiq", ".x3f", ".mrw", ".kdc", ".dcr", ".erf", ".mef", ".mos", ".rwl", ".gpr")
_DNG_VERSION, _PHOTOMETRIC, _SUBFILE_TYPE, _SENSOR = 50706, 262, 254, (32803, 34892)
_SIGNS = {  # where, and what
    b"CR\x02": (8, "Canon CR2"),
    b"ftypcrx ": (4, "Canon CR3"),
    b"HEAPCCDR": (6, "Canon CRW"),
    b"FUJIFILMCCD-RAW": (0, "Fujifilm RAF"),
    b"IIRO": (0, "Olympus ORF"),
    b"IIRS": (0, "Olympus ORF"),
    b"MMOR": (0, "Olympus ORF"),
    b"IIU\0": (0, "Panasonic RW2"),
    b"FOVb": (0, "Sigma X3F"),
    b"\0MRM": (0, "Minolta MRW"),
}


def kind(start: bytes) -> str:
    """The name of a RAW file's kind by its first bytes; empty if it is none, or one that looks like TIFF."""
    return next((name for sign, (at, name) in _SIGNS.items() if start.startswith(sign, at)), "")


def holds_sensor_values(path: Path, tags: Tags) -> bool:
    """Whether a file that looks like TIFF holds a sensor's values, or a preview of them."""
    directories = [tags.tags, *tags.subfiles]
    meanings = [tiff_tags.number(one[_PHOTOMETRIC], tags.order) for one in directories if _PHOTOMETRIC in one]
    preview = tags.number(_SUBFILE_TYPE) & 1 and (tags.subfiles or path.suffix.lower() in SUFFIXES)
    with open(path, "rb") as file:
        return bool(_DNG_VERSION in tags.tags or preview or set(meanings) & set(_SENSOR) or kind(file.read(16)))


def read(path: Path) -> Photograph:
    """Develops a RAW file: the camera's white balance, sRGB of 16 bits, for a TIFF file.

    Raises:
        InputError: rawpy is not installed, or LibRaw does not know the file.
    """
    with open(path, "rb") as file:
        start = file.read(16)
        looks_like_tiff = start[:4] in (b"II*\0", b"MM\0*")
        tags = tiff_tags.read(file) if looks_like_tiff or kind(start) == "Canon CR2" else Tags("<", {}, [])
    name = kind(start) or ("DNG" if _DNG_VERSION in tags.tags else path.suffix[1:].upper())
    try:
        import rawpy
    except ModuleNotFoundError:
        remedy = "develop it first, or pip install 'gandeblur[raw]'"
        raise InputError(f"{path}: a RAW file ({name}), which holds no picture yet; {remedy}") from None
    try:
        with rawpy.imread(str(path)) as sensor:
            pixels = sensor.postprocess(use_camera_wb=True, output_bps=16, gamma=(2.4, 12.92))
            turned = sensor.sizes.flip in (5, 6)
    except rawpy.LibRawError as error:
        reason = str(error.args[0].decode() if isinstance(error.args[0], bytes) else error).splitlines()[0]
        raise InputError(
            f"{path}: a RAW file ({name}) that LibRaw cannot develop ({reason}); develop it first"
        ) from None
    described, _ = tiff_tags.described(tags, 6 if turned else 1)
    described.tags[tiff_tags.PROFILE] = tiff_tags.undefined(colour.srgb())
    notes = [f"a RAW file ({name}), developed by LibRaw"]
    notes += [] if tags.tags else ["without its EXIF data"]
    return from_channels(np.asarray(pixels), 1, "TIFF", Kept(described), colour.srgb()).noted(*notes)
