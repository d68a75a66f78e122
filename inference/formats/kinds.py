"""Kinds of files, told by their first bytes, and the remedies for kinds that are not read."""

from pathlib import Path

from gandeblur.inference.formats import boxes, raw

HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}
_JPEG_LS = b"\xff\xd8\xff\xf7"
_SIGNS = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WEBP"),
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
)
# Image files that are not read, by their names.
_OTHERS = (
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, _JPEG_LS, "JPEG-LS"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"8BPS", "Photoshop"),
    (0, b"gimp xcf", "GIMP"),
    (0, b"qoif", "QOI"),
    (0, b"DDS ", "DDS"),
    (0, b"\0\0\1\0", "Windows icon"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"BPG\xfb", "BPG"),
    (128, b"DICM", "DICOM"),
    *((0, b"P%c" % letter, "Netpbm") for letter in b"1234567fF"),
)
_FILMS = ((4, b"ftyp"), (4, b"moov"), (0, b"\x1a\x45\xdf\xa3"), (8, b"AVI "), (0, b"FLV"), (0, b"\0\0\1\xba"))
# Films of kinds that are not read, by their names: raw streams and cinema cameras' files among them.
FILM_SUFFIXES: tuple[str, ...] = (".m1v", ".m2v", ".m2p", ".264", ".h264", ".avc", ".265", ".h265", ".hevc", ".y4m")
FILM_SUFFIXES += (".rm", ".rmvb", ".ogm", ".amv", ".wtv", ".insv", ".braw", ".r3d", ".nut", ".mjpg", ".mjpeg")
_BY_SUFFIX = {".tga": "Targa", ".svg": "SVG", ".pcx": "PCX", ".jxl": "JPEG XL", ".jp2": "JPEG 2000"}
_DAMAGED = "not a JPEG, PNG, TIFF, WebP, HEIC, AVIF or BMP image"


def kind(path: Path) -> str:
    """A key of `photographs.FORMATS`; empty for anything else."""
    with open(path, "rb") as file:
        start = file.read(256)
    if raw.kind(start):
        return "RAW"
    if start[4:8] == b"ftyp":
        brands = boxes.brands(start)
        return "AVIF" if brands & AVIF_BRANDS else "HEIF" if brands & HEIF_BRANDS else ""
    if start.startswith(_JPEG_LS):
        return ""
    return next((name for at, sign, name in _SIGNS if start.startswith(sign, at)), "")


def reason(path: Path) -> str:
    """Why a file of no such kind is not read, in words."""
    with open(path, "rb") as file:
        start = file.read(256)
    if not start:
        return "the file is empty"
    other = next((name for at, sign, name in _OTHERS if start.startswith(sign, at) and _plausible(name, start)), "")
    other = other or _BY_SUFFIX.get(path.suffix.lower(), "")
    if not other and path.suffix.lower() in FILM_SUFFIXES:
        return "a film of a kind that is not read; convert it to MP4 or Matroska first"
    if not other and any(start.startswith(sign, at) for at, sign in _FILMS):
        return "a film; give it a film's suffix, such as .mp4, and restore it by gandeblur restore or restore_file"
    return (
        f"{'an' if other[:1] in 'AEIO' else 'a'} {other} file; save it as PNG, TIFF or JPEG first"
        if other
        else _DAMAGED
    )


def _plausible(name, start):
    return name != "Netpbm" or start[2:3] in b"\n\r\t #"
