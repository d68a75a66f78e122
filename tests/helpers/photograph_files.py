"""Small valid photographs of many kinds, made byte by byte where no library writes them."""

import hashlib
import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image, ImageCms

Y, X = np.mgrid[:40, :56]
A = np.stack([128 + 100 * np.sin(X / 17 + Y / 31), 128 + 100 * np.cos(X / 23), 128 + 100 * np.sin(Y / 13)], 2)
A = A.astype(np.uint8)
A16 = A.astype(np.uint16) * 257
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(kind, array=A, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(array=A, **options):
    return encoded("JPEG", array, **{"quality": 92, **options})


def segment(marker, content):
    return bytes([255, marker]) + struct.pack(">H", len(content) + 2) + content


def with_segments(*segments, data=None):
    """Behind the JFIF segment, which lies first."""
    data = data or jpeg()
    return data[:20] + b"".join(segment(*one) for one in segments) + data[20:]


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(array, bits, kind, *before, behind=()):
    height, width = array.shape[:2]
    rows = np.asarray(array, ">u2" if bits == 16 else np.uint8).reshape(height, -1)
    if bits < 8:
        rows = np.packbits(np.unpackbits(rows[..., None], axis=2)[..., 8 - bits :].reshape(height, -1), axis=1)
    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    coded = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
    others = (b"".join(chunk(*one) for one in group) for group in (before, behind))
    return b"\x89PNG\r\n\x1a\n" + start + next(others) + coded + next(others) + chunk(b"IEND", b"")


def tiff(order, entries, strip):
    """A TIFF file.

    Args:
        order: "<" or ">".
        entries: (tag, type, count, bytes or the entries of a directory that the tag points to).
        strip: the pixels.
    """
    data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4) + strip + bytes(len(strip) % 2))

    def directory(listed):
        block = struct.pack(f"{order}H", len(listed))
        for tag, kind, count, value in listed:
            value = directory(value) if isinstance(value, list) else value
            if len(value) > 4:
                place = len(data)
                data.extend(value + bytes(len(value) % 2))
                value = struct.pack(f"{order}I", place)
            block += struct.pack(f"{order}HHI", tag, kind, count) + value.ljust(4, b"\0")
        place = len(data)
        data.extend(block + bytes(4))
        return struct.pack(f"{order}I", place)

    data[4:8] = directory(sorted(entries, key=lambda entry: entry[0]))
    return bytes(data)


def grey_tiff(values, bits, *more, order="<"):
    """One channel, packed."""
    height, width = values.shape
    ones = np.unpackbits(values.astype(">u2").view(np.uint8).reshape(height, width, 2), axis=2)[..., 16 - bits :]
    strip = np.packbits(ones.reshape(height, -1), axis=1).tobytes()
    numbers = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 277: 1, 278: height}
    entries = [(tag, 3, 1, struct.pack(f"{order}H", number)) for tag, number in numbers.items()]
    entries += [(tag, 4, 1, struct.pack(f"{order}I", n)) for tag, n in ((273, 8), (279, len(strip)))]
    return tiff(order, [*entries, *more], strip)


def exif(**tags):
    """`Artist` and others in UTF-8."""
    told = Image.Exif()
    for tag, value in tags.items():
        told[{"artist": 315, "copyright": 0x8298, "orientation": 0x112}[tag]] = value
    return told.tobytes()


JOSE = "José Müller 山田".encode()
NAMED = exif(artist=JOSE, copyright="© José".encode("latin-1"))


def sampled(across, down):
    """A JPEG file of one colour with that sampling, each block coded by 4 bits: 0 for its mean and for its end."""
    units = -(-A.shape[1] // (8 * across)) * -(-A.shape[0] // (8 * down))
    tables = segment(0xDB, b"\0" + bytes([2]) * 64) + segment(0xC4, b"\0\1" + bytes(15) + b"\0")
    tables += segment(0xC4, b"\x10\1" + bytes(15) + b"\0")
    frame = struct.pack(">BHHB", 8, *A.shape[:2], 3) + bytes([1, across << 4 | down, 0, 2, 17, 0, 3, 17, 0])
    bits = units * (across * down + 2) * 2
    coded = np.packbits(np.r_[np.zeros(bits, np.uint8), np.ones(-bits % 8, np.uint8)]).tobytes()
    return (
        b"\xff\xd8"
        + tables
        + segment(0xC0, frame)
        + segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0]))
        + (coded + b"\xff\xd9")
    )


def maker(offset_of_note):
    """A maker note as Canon writes it: its offsets count from the start of the TIFF structure."""
    note = struct.pack(">HHHII", 1, 6, 2, 32, offset_of_note + 18) + bytes(4)
    return note + b"Canon EOS TestCamera".ljust(32, b"\0")


def maker_exif():
    start = 8 + 2 + 24 + 4 + 2 + 12 + 4
    body = struct.pack(">HHHIIHHII", 2, 0x112, 3, 1, 6 << 16, 0x8769, 4, 1, 38) + bytes(4)
    note = maker(start)
    return (
        b"MM\0*" + struct.pack(">I", 8) + body + struct.pack(">HHHII", 1, 0x927C, 7, len(note), start) + bytes(4) + note
    )


def maker_tiff():
    """The note's place is known only after it was written once."""
    place = 0
    for _ in range(2):
        note = maker(place)
        data = grey_tiff(A[..., 0], 8, (0x8769, 4, 1, [(0x927C, 7, len(note), note)]), order=">")
        place = data.index(note)
    return data


_SPACES = "".join(
    f' xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
        "GCamera": "http://ns.google.com/photos/1.0/camera/",
        "GDepth": "http://ns.google.com/photos/1.0/depthmap/",
        "Container": "http://ns.google.com/photos/1.0/container/",
        "Item": "http://ns.google.com/photos/1.0/container/item/",
        "xmpNote": "http://ns.adobe.com/xmp/note/",
        "dc": "http://purl.org/dc/elements/1.1/",
    }.items()
)


def packet(attributes="", item="", length=0):
    inside = (
        '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">'
        '<Container:Item Item:Semantic="Primary"/></rdf:li>'
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="{item}" Item:Length="{length}"/></rdf:li>'
        "</rdf:Seq></Container:Directory>"
    )
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about=""{_SPACES} dc:format="José" {attributes}>{inside if item else ""}'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def xmp_segment(content):
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + content


def gain_map():
    gain = jpeg(A[::4, ::4, 1].copy())
    xmp = xmp_segment(packet('hdrgm:Version="1.0"', "GainMap", len(gain)))
    index = b"MPF\0MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHII", 0xB001, 4, 1, 2) + bytes(4)
    return with_segments(xmp, (0xE2, index)) + gain


def iso_gain_map():
    return with_segments((0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))) + jpeg(A[::4, ::4, 1].copy())


CLIP = struct.pack(">I4s4sI", 16, b"ftyp", b"mp42", 0) + bytes(2000)


def extended(content):
    digest = hashlib.md5(content).hexdigest().upper().encode()
    main = xmp_segment(packet(f'xmpNote:HasExtendedXMP="{digest.decode()}"'))
    parts = [(at, content[at : at + 60000]) for at in range(0, len(content), 60000)]
    start = b"http://ns.adobe.com/xmp/extension/\0" + digest
    return with_segments(main, *((0xE1, start + struct.pack(">II", len(content), at) + part) for at, part in parts))


DEPTH = packet('GDepth:Format="RangeInverse" GDepth:Data="' + "QUJD" * 25000 + '"')
HISTORY = packet('dc:source="' + "a long history " * 8000 + '"')
IPTC = b"".join(
    b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(value)) + value
    for number, value in ((25, b"bridge"), (80, "José".encode()))
)
RESOURCES = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)
THUMBNAIL = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 4) + b"old!"


def bitmap(array, header=108, profile=b""):
    """BMP of 32 bits with alpha under a header of version 4; of 24 bits with a profile under one of version 5."""
    height, width, channels = array.shape
    rows = array[::-1, :, [2, 1, 0, 3][:channels]].tobytes()
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000) if channels == 4 else (0, 0, 0, 0)
    fields = 3 if channels == 4 else 0
    info = struct.pack("<IiiHHIIii8x", header, width, height, 1, 8 * channels, fields, len(rows), 3780, 3780)
    info += struct.pack("<4I", *masks) + (b"DEBM" if profile else b"BGRs") + bytes(48)
    if header == 124:
        info += struct.pack("<IIII", 4, 124 + len(rows), len(profile), 0)
    start = 14 + header
    return struct.pack("<2sIHHI", b"BM", start + len(rows) + len(profile), 0, 0, start) + info + rows + profile


def mask(path, array, extra):
    """A fourth channel that is a saved selection, no transparency."""
    tifffile.imwrite(
        path, np.dstack([array, array[..., :1] // 2]), photometric="rgb", extrasamples=extra, metadata=None
    )


def raw_file(path):
    with tifffile.TiffWriter(path) as writer:
        version = [(50706, "B", 4, (1, 4, 0, 0), True)]
        writer.write(A[::2, ::2], photometric="rgb", subfiletype=1, subifds=1, metadata=None, extratags=version)
        pattern = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True)]
        writer.write(A16[..., 1], photometric=32803, subfiletype=0, metadata=None, extratags=pattern)


def stereo(path):
    left, right = Image.fromarray(A), Image.fromarray(A[:, ::-1].copy())
    left.save(path, "MPO", save_all=True, append_images=[right])


def cmyk(path):
    """The profile is for other devices and would be wrong for RGB: it cannot be opened for CMYK, and goes."""
    Image.fromarray(A).convert("CMYK").save(path, quality=95)


def lab(path):
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    ImageCms.applyTransform(Image.fromarray(A), transform).save(path)


def tinting(image, **options):
    """A network that tints what is grey."""
    return np.clip(image.astype(int) + [9, 0, -9], 0, 255).astype(image.dtype)


TRNS16 = (b"tRNS", struct.pack(">3H", *A16[5, 5].tolist()))


def quarters(bits):
    return A[..., 1] >> (8 - bits)
