"""Pixels of all kinds of files: their values, transparency, sampling and losslessness; and what is refused."""

import struct

import numpy as np
import tifffile
from photograph_cases import Case, extras, layers, psnr, refused, share_of, transparent_share
from photograph_files import (
    A16,
    TRNS16,
    A,
    bitmap,
    cmyk,
    encoded,
    grey_tiff,
    jpeg,
    lab,
    mask,
    png,
    quarters,
    raw_file,
    sampled,
    segment,
)
from PIL import Image

CASES = [
    Case(
        "a saved selection in a TIFF file of 16 bits",
        "a.tif",
        lambda path: mask(path, A16, ["unspecified"]),
        lambda out: (extras(out.path), "mask" in out.said),
        ((), True),
    ),
    Case(
        "a saved selection in a TIFF file of 8 bits",
        "a.tif",
        lambda path: mask(path, A, ["unspecified"]),
        lambda out: (extras(out.path), "mask" in out.said),
        ((), True),
    ),
    Case(
        "a TIFF file of 5 channels of 16 bits, alpha among them",
        "a.tif",
        lambda path: tifffile.imwrite(
            path,
            np.dstack([A16, A16[..., :2]]),
            photometric="rgb",
            extrasamples=["unassalpha", "unspecified"],
            metadata=None,
        ),
        lambda out: (extras(out.path), "mask" in out.said),
        ((2,), True),
    ),
    *(
        Case(
            f"a grey TIFF file of {bits} bits",
            "a.tif",
            grey_tiff(A[..., 1].astype(np.uint32) * (2**bits - 1) // 255, bits),
            lambda out: (round(float(out.pixels.max()) / 65535, 2), "bits became 16" in out.said),
            (round(float(A[..., 1].max()) / 255, 2), True),
            "imagecodecs",
        )
        for bits in (10, 12, 14)
    ),
    Case(
        "a RAW file with a small preview",
        "a.dng",
        raw_file,
        lambda out: out.path is None and "RAW" in out.said or out.pixels.shape[:2] == A.shape[:2],
        True,
    ),
    Case(
        "one transparent colour, PNG of 16 bits",
        "a.png",
        png(A16, 16, 2, TRNS16),
        lambda out: (out.data[25], out.data.count(b"tRNS")),
        (6, 0),
    ),
    Case(
        "one transparent grey, PNG of 16 bits",
        "a.png",
        png(A16[..., 1], 16, 0, (b"tRNS", struct.pack(">H", int(A16[5, 5, 1])))),
        lambda out: out.data[25],
        4,
    ),
    *(
        Case(
            f"one transparent grey, PNG of {bits} bits",
            "a.png",
            png(quarters(bits), bits, 0, (b"tRNS", struct.pack(">H", int(quarters(bits)[5, 5])))),
            transparent_share,
            share_of(quarters(bits)[..., None]),
        )
        for bits in (1, 2, 4, 8)
    ),
    Case(
        "one transparent colour, PNG of 8 bits",
        "a.png",
        png(A, 8, 2, (b"tRNS", struct.pack(">3H", *A[5, 5].tolist()))),
        transparent_share,
        share_of(A),
    ),
    Case(
        "transparency of a BMP file",
        "a.bmp",
        bitmap(np.dstack([A, A[..., 0]])),
        lambda out: (Image.open(out.path).mode, out.db),
        ("RGBA", 99.0),
    ),
    Case(
        "JPEG in TIFF",
        "a.tif",
        encoded("TIFF", compression="jpeg", quality=95),
        lambda out: (out.db, "without loss" in out.said),
        (99.0, True),
    ),
    Case(
        "lossless WebP",
        "a.webp",
        encoded("WEBP", lossless=True),
        lambda out: (b"VP8L" in out.data, out.db),
        (True, 99.0),
    ),
    Case(
        "colours under transparency, WebP",
        "a.webp",
        encoded("WEBP", np.dstack([A, A[..., 0] // 128 * 255]), lossless=True, exact=True),
        lambda out: out.db,
        99.0,
    ),
    *(
        Case(f"chroma sampling {name}", "a.jpg", sampled(across, down), layers, [(across, down), (1, 1), (1, 1)])
        for name, across, down in (
            ("4:4:4", 1, 1),
            ("4:2:2", 2, 1),
            ("4:2:0", 2, 2),
            ("4:4:0", 1, 2),
            ("4:1:1", 4, 1),
            ("4:1:0", 4, 2),
        )
    ),
    Case(
        "CMYK, JPEG",
        "a.jpg",
        cmyk,
        lambda out: (layers(out)[0], Image.open(out.path).mode, "CMYK" in out.said),
        ((1, 1), "RGB", True),
    ),
    Case("Lab, TIFF", "a.tif", lab, lambda out: (psnr(A, out.pixels) > 35, "Lab" in out.said), (True, True)),
    refused(
        "signed numbers",
        "a.tif",
        lambda path: tifffile.imwrite(path, A.astype(np.int8), photometric="rgb", metadata=None),
        "int8",
    ),
    Case("AVIF", "a.avif", encoded("AVIF", quality=95), lambda out: out.db > 35, True),
    refused("JPEG XL", "a.jxl", b"\xff\x0a" + bytes(20), "JPEG XL"),
    refused("JPEG-LS", "a.jls", b"\xff\xd8\xff\xf7" + bytes(20), "a JPEG-LS file"),
    refused("OpenEXR", "a.exr", b"v/1\x01" + bytes(20), "an OpenEXR file"),
    refused("JPEG 2000", "a.jp2", encoded("JPEG2000"), "JPEG 2000"),
    refused("PPM", "a.ppm", encoded("PPM"), "Netpbm"),
    refused("Targa", "a.tga", encoded("TGA"), "Targa"),
    refused(
        "JPEG of 12 bits", "a.jpg", b"\xff\xd8" + segment(0xC1, b"\x0c\0\x08\0\x08\1\1\x11\0") + b"\xff\xd9", "12 bits"
    ),
    refused(
        "lossless JPEG",
        "a.jpg",
        b"\xff\xd8" + segment(0xC3, b"\x08\0\x08\0\x08\1\1\x11\0") + b"\xff\xd9",
        "lossless JPEG",
    ),
    refused(
        "TIFF of 32 bits",
        "a.tif",
        lambda path: tifffile.imwrite(path, A.astype(np.float32), photometric="rgb", metadata=None),
        "32 bits",
    ),
    Case(
        "fax",
        "a.tif",
        encoded("TIFF", A[..., 1] > 128, compression="group4", dpi=(300, 300)),
        lambda out: (out.db, "without loss" in out.said, Image.open(out.path).info["dpi"]),
        (99.0, True, (300, 300)),
    ),
    Case(
        "unreadable EXIF data",
        "a.jpg",
        jpeg(exif=b"Exif\0\0" + b"\xde\xad\xbe\xef" * 8, dpi=(72, 72)),
        lambda out: (out.path is not None, "EXIF" in out.said),
        (True, True),
    ),
    Case(
        "EXIF data with a value outside of them",
        "a.jpg",
        jpeg(exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\0\0\x99\x99\0\0", dpi=(72, 72)),
        lambda out: (out.path is not None, "EXIF" in out.said),
        (True, True),
    ),
    Case(
        "a JPEG file without its last bytes",
        "a.jpg",
        jpeg()[:-40],
        lambda out: (out.path is not None, "too early" in out.said),
        (True, True),
    ),
    Case(
        "a PNG file without its last bytes",
        "a.png",
        encoded("PNG")[:-400],
        lambda out: (out.path is not None, "last bytes" in out.said),
        (True, True),
    ),
]
