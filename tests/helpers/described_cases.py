"""What describes a photograph, and what it promises: kept as bytes where it is true, else gone and named."""

import struct
import zlib

import tifffile
from photograph_cases import Case, extension, has, makers_name
from photograph_files import (
    A16,
    CLIP,
    DEPTH,
    HISTORY,
    IPTC,
    JOSE,
    NAMED,
    RESOURCES,
    SRGB,
    THUMBNAIL,
    A,
    bitmap,
    chunk,
    encoded,
    extended,
    gain_map,
    grey_tiff,
    iso_gain_map,
    jpeg,
    maker_exif,
    maker_tiff,
    packet,
    png,
    stereo,
    tiff,
    with_segments,
    xmp_segment,
)
from PIL import Image, IptcImagePlugin


def colour_case(name, content):
    return [
        Case(
            f"{name} of a PNG file of {bits} bits",
            "a.png",
            png(array, bits, 2, (name.encode(), content)),
            lambda out: chunk(name.encode(), content) in out.data,
            True,
        )
        for bits, array in ((8, A), (16, A16))
    ]


CASES = [
    *(
        Case(
            f"names in any alphabet, {kind}",
            f"a.{kind.lower()}",
            encoded(kind, exif=NAMED),
            lambda out: (JOSE in out.data, "© José".encode("latin-1") in out.data),
            (True, True),
        )
        for kind in ("JPEG", "PNG", "WEBP", "AVIF")
    ),
    Case(
        "names in any alphabet, TIFF",
        "a.tif",
        grey_tiff(A[..., 0], 8, (315, 2, len(JOSE) + 1, JOSE + b"\0")),
        lambda out: JOSE in out.data,
        True,
    ),
    *colour_case("gAMA", struct.pack(">I", 100000)),
    *colour_case("cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
    *colour_case("cICP", bytes([9, 16, 0, 1])),
    *colour_case("sBIT", bytes([5, 6, 5])),
    *colour_case("mDCV", bytes(range(24))),
    *colour_case("cLLI", bytes(8)),
    *colour_case("sRGB", b"\1"),
    Case("colour profile of a BMP file", "a.bmp", bitmap(A, 124, SRGB), lambda out: out.data.endswith(SRGB), True),
    Case(
        "maker notes, JPEG",
        "a.jpg",
        with_segments((0xE1, b"Exif\0\0" + maker_exif())),
        lambda out: makers_name(out.data),
        "Canon EOS TestCamera",
    ),
    Case(
        "maker notes, PNG",
        "a.png",
        png(A, 8, 2, (b"eXIf", maker_exif())),
        lambda out: makers_name(out.data),
        "Canon EOS TestCamera",
    ),
    Case("maker notes, TIFF", "a.tif", maker_tiff(), lambda out: makers_name(out.data), "Canon EOS TestCamera"),
    Case(
        "HDR gain map, by Adobe's metadata",
        "a.jpg",
        gain_map(),
        lambda out: (
            out.data.count(b"\xff\xd8\xff"),
            out.data.count(b"hdrgm:"),
            b"Directory" in out.data,
            b"MPF\0" in out.data,
            "gain map" in out.said,
        ),
        (1, 0, False, False, True),
    ),
    Case(
        "HDR gain map, by ISO 21496-1",
        "a.jpg",
        iso_gain_map(),
        lambda out: (out.data.count(b"\xff\xd8\xff"), b"21496" in out.data, "gain map" in out.said),
        (1, False, True),
    ),
    Case(
        "two views in one file",
        "a.mpo",
        stereo,
        lambda out: (out.data.count(b"\xff\xd8\xff"), "second picture" in out.said),
        (1, True),
    ),
    Case(
        "motion clip, Google's",
        "a.jpg",
        with_segments(xmp_segment(packet('GCamera:MotionPhoto="1"', "MotionPhoto", len(CLIP)))) + CLIP,
        lambda out: (
            b"ftyp" in out.data,
            b"MotionPhoto" in out.data,
            "motion clip" in out.said,
            "José".encode() in out.data,
        ),
        (False, False, True, True),
    ),
    Case(
        "motion clip, Samsung's",
        "a.jpg",
        jpeg() + b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + CLIP + b"SEFT",
        lambda out: (b"ftyp" in out.data, "motion clip" in out.said),
        (False, True),
    ),
    Case(
        "bytes of unknown meaning behind the picture",
        "a.jpg",
        jpeg() + b"something",
        lambda out: (b"something" in out.data, "9 bytes" in out.said),
        (False, True),
    ),
    Case(
        "IPTC, JPEG",
        "a.jpg",
        with_segments((0xED, b"Photoshop 3.0\0" + RESOURCES)),
        lambda out: IptcImagePlugin.getiptcinfo(Image.open(out.path)),
        {(2, 25): b"bridge", (2, 80): "José".encode()},
    ),
    Case(
        "Photoshop's thumbnail beside IPTC",
        "a.jpg",
        with_segments((0xED, b"Photoshop 3.0\0" + THUMBNAIL + RESOURCES)),
        lambda out: (b"old!" in out.data, b"bridge" in out.data),
        (False, True),
    ),
    Case(
        "IPTC, TIFF", "a.tif", grey_tiff(A[..., 0], 8, (33723, 7, len(IPTC), IPTC)), lambda out: IPTC in out.data, True
    ),
    Case("extended XMP", "a.jpg", extended(HISTORY), lambda out: (extension(out), out.said), (True, "")),
    Case(
        "extended XMP with a depth map",
        "a.jpg",
        extended(DEPTH),
        lambda out: (b"GDepth:Data" in out.data, extension(out) in (None, True), "depth map" in out.said),
        (False, True, True),
    ),
    *(
        Case(
            f"{name.decode()} text of a PNG file of {bits} bits",
            "a.png",
            png(array, bits, 2, (name, content)),
            has(chunk(name, content)),
            True,
        )
        for bits, array in ((8, A), (16, A16))
        for name, content in (
            (b"tEXt", b"Author\0Jane"),
            (b"zTXt", b"Comment\0\0" + zlib.compress(b"by the lake")),
            (b"iTXt", b"Title\0\0\0de\0\0" + "Kühe".encode()),
            (b"tIME", struct.pack(">H5B", 2020, 1, 2, 3, 4, 5)),
        )
    ),
    Case(
        "text behind the pixels",
        "a.png",
        png(A, 8, 2, behind=[(b"tEXt", b"Author\0Jane")]),
        lambda out: out.data.index(b"IDAT") < out.data.index(b"Jane"),
        True,
    ),
    Case(
        "comment",
        "a.jpg",
        jpeg(comment=b"on the bridge"),
        lambda out: Image.open(out.path).info["comment"],
        b"on the bridge",
    ),
    Case("thumbnail in JFXX", "a.jpg", with_segments((0xE0, b"JFXX\0\x10old")), lambda out: b"JFXX" in out.data, False),
    Case(
        "content credentials, JPEG",
        "a.jpg",
        with_segments((0xEB, b"JP\0\0jumbc2pa")),
        lambda out: (b"c2pa" in out.data, "content credentials" in out.said),
        (False, True),
    ),
    Case(
        "content credentials, PNG",
        "a.png",
        png(A, 8, 2, (b"caBX", b"jumbc2pa")),
        lambda out: (b"c2pa" in out.data, "content credentials" in out.said),
        (False, True),
    ),
    Case(
        "GeoTIFF and Windows' tags",
        "a.tif",
        grey_tiff(
            A[..., 0],
            8,
            (34735, 3, 4, struct.pack("<4H", 1, 1, 0, 0)),
            (40091, 1, 10, "Titel".encode("utf-16-le")),
            (269, 2, 5, b"name\0"),
        ),
        lambda out: [tag in tifffile.TiffFile(out.path).pages[0].tags for tag in (34735, 40091, 269)],
        [True] * 3,
    ),
    Case(
        "interoperability (Adobe RGB without a profile)",
        "a.jpg",
        with_segments((0xE1, b"Exif\0\0" + tiff("<", [(0x8769, 4, 1, [(0xA005, 4, 1, [(1, 2, 4, b"R03\0")])])], b""))),
        lambda out: (b"R03" in out.data, out.said),
        (True, ""),
    ),
]
