"""HEIC files, as phones write them, of 8, 10 and 12 bits (extra `heif`: pillow-heif)."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gandeblur.errors import InputError
from gandeblur.inference.formats import boxes, xmp
from gandeblur.inference.formats.photograph import Photograph, from_channels, limit, sixteen, without
from gandeblur.inference.formats.webp import described

_QUALITY = 90  # the file does not tell its own
_INFO: tuple[str, ...] = ("icc_profile", "icc_profile_type", "nclx_profile", "pixel_aspect_ratio")
_INFO += (
    "content_light_level",
    "mastering_display_colour_volume",
    "ambient_viewing_environment",
    "nominal_diffuse_white_luminance",
)
_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class Kept(NamedTuple):
    """For the new file: pillow-heif's information, bits of a sample, samples of chroma (444, 422, 420)."""

    info: dict[str, Any]
    bits: int
    chroma: int


def read(path: Path) -> Photograph:
    """Reads the main picture of a HEIC file; the file turns and mirrors it by properties of its own.

    Raises:
        InputError: pillow-heif is not installed.
    """
    try:
        import pillow_heif
    except ModuleNotFoundError:
        remedy = "save it as JPEG or TIFF first, or pip install 'gandeblur[heif]'"
        raise InputError(f"{path}: a HEIC file, which needs pillow-heif; {remedy}") from None
    file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    image, info = file[file.primary_index], file.info
    limit(*image.size)
    array, bits = np.asarray(image), int(info["bit_depth"])
    height, width = image.size[::-1]
    array = array.reshape(height, -1, array.shape[2] if array.ndim == 3 else 1)[:, :width]
    if "chroma" not in info and array.shape[2] > 2:  # it is grey
        array = array[..., [0, 3]] if array.shape[2] == 4 else array[..., :1]
    if image.premultiplied_alpha:
        raise InputError(f"{path}: holds colours multiplied by their transparency; convert it to plain alpha first")
    told, gone, _ = described(info.get("exif"), info.get("xmp"))
    gone += _others(file, info, path)
    kept = Kept({name: info[name] for name in _INFO if name in info} | told.options, bits, info.get("chroma", 420))
    photograph = from_channels(array if bits == 8 else sixteen(array, bits), 1, "HEIF", kept, info.get("icc_profile"))
    return photograph.noted(without(gone), damage=told.damage)


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes as many bits a sample, and as many samples of chroma, as the old file had."""
    import pillow_heif

    kept: Kept = photograph.kept
    array = photograph.array(restored)
    mode = _CHANNELS[array.shape[2]]
    if kept.bits > 8:
        most = 2**kept.bits - 1
        array = ((array.astype(np.uint32) * most + 32767) // 65535).astype("<u2")
        mode = f"{mode};{kept.bits}"
    file = pillow_heif.HeifFile()
    file.add_frombytes(mode, (array.shape[1], array.shape[0]), array.tobytes())
    file[0].info.update(kept.info)
    options = {} if photograph.grey else {"chroma": kept.chroma}
    if kept.bits > 8:
        options["bit_depth"] = kept.bits
    file.save(path, quality=_QUALITY, **options)


def _others(file, info, path):
    """What else such files hold: gain maps, depth maps, further pictures."""
    kinds = {name.lower() for name in info.get("aux", {})}
    gone = [xmp.GAIN_MAP] if any("gainmap" in kind for kind in kinds) else []
    gone += [xmp.DEPTH] if info.get("depth_images") else []
    known = ("gainmap", "alpha", "auxid:1", "depth", "auxid:2")  # the last of them a depth map
    gone += ["further layers"] if any(not any(name in kind for name in known) for kind in kinds) else []
    gone += ["second picture" if len(file) == 2 else f"{len(file) - 1} other pictures"] if len(file) > 1 else []
    return [*gone, *boxes.gone(path)]
