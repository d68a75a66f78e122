"""XMP data (ISO 16684-1), changed where they are no longer true; all other bytes stay as they are.

An XML parser finds where each property lies, whatever its prefix, and whether it is an attribute or an element.
"""

import re
from typing import NamedTuple
from xml.parsers import expat

from gandeblur.inference.formats.exif import moved

HEADER, EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
GAIN_MAP, MOTION, DEPTH, CREDENTIALS = "HDR gain map", "motion clip", "depth map", "content credentials (C2PA)"
_GOOGLE, _ADOBE = "http://ns.google.com/photos/", "http://ns.adobe.com/"
# Namespace, names in it, and what they promise; no words where another property names the same thing.
_PROMISES = (
    (_ADOBE + "hdr-gain-map/", "", GAIN_MAP),
    ("http://ns.apple.com/HDRGainMap/", "", GAIN_MAP),
    ("http://ns.apple.com/HDRToneMap/", "", GAIN_MAP),
    ("http://ns.apple.com/pixeldatainfo/", "", ""),
    (_GOOGLE + "1.0/container/", "", ""),
    (_GOOGLE + "dd/1.0/container/", "", ""),
    (_GOOGLE + "dd/1.0/", "", DEPTH),
    (_GOOGLE + "1.0/depthmap/", "", DEPTH),
    (_GOOGLE + "1.0/image/", "", DEPTH),  # the picture that a depth map goes with
    ("http://ns.xiaomi.com/photos/1.0/camera/", "XMPMeta", ""),
    ("", r"(Motion|Micro)(Photo|Video)\w*|OLivePhoto\w*|VideoLength", MOTION),
    ("http://purl.org/dc/terms/", "provenance", CREDENTIALS),
    (_ADOBE + "xap/1.0/", "Thumbnails", ""),
)
_POINTER = (_ADOBE + "xmp/note/", "HasExtendedXMP")
_EXIF, _TIFF = _ADOBE + "exif/1.0/", _ADOBE + "tiff/1.0/"
_ORIENTATION = (_TIFF, "Orientation")
_EXCHANGED = (
    ((_EXIF, "PixelXDimension"), (_EXIF, "PixelYDimension")),
    ((_TIFF, "ImageWidth"), (_TIFF, "ImageLength")),
    ((_TIFF, "XResolution"), (_TIFF, "YResolution")),
)
# A region of the picture, such as a face, by its centre and extent in shares of the stored picture (Metadata Working
# Group, 5.9); and the size of that picture.
_AREA, _DIMENSIONS = "http://ns.adobe.com/xmp/sType/Area#", "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_PREFIXES = {  # of packets that do not say what theirs stand for
    "exif": _EXIF,
    "tiff": _TIFF,
    "xmpNote": _POINTER[0],
    "hdrgm": _ADOBE + "hdr-gain-map/1.0/",
    "GDepth": _GOOGLE + "1.0/depthmap/",
    "GImage": _GOOGLE + "1.0/image/",
    "Container": _GOOGLE + "1.0/container/",
}
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_ATTRIBUTE = re.compile(rb"""\s+([\w.-]+):([\w.-]+)\s*=\s*("[^"]*"|'[^']*')""")
_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=>]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")


class Xmp(NamedTuple):
    """XMP data of an upright picture without second pictures.

    Attributes:
        data: empty, if nothing was left of an extension.
        gone: names of promised parts that are gone.
        pointer: the hexadecimal digest of the extended XMP that belongs to it; empty if there is none.
    """

    data: bytes
    gone: tuple[str, ...]
    pointer: bytes


class _Property(NamedTuple):
    name: tuple[str, str]
    whole: slice  # the attribute with the space before it, or the element
    value: slice
    parent: int  # where the tag lies that it is an attribute of, or the element that it is in


def true(data: bytes, orientation: int = 0, pointer: bytes | None = None) -> Xmp:
    """The XMP data of the same picture after it was turned and restored.

    Args:
        data: a packet, in UTF-8. One that is no XML stays as it is: no reader believes it.
        orientation: that the stored picture had, 1 to 8; 0: none is known, and one that is said here stays.
        pointer: the digest to point to; None: as it is; empty: none.
    """
    properties = _properties(data)
    edits: list[tuple[slice, bytes]] = []
    gone: list[str] = []
    found: dict[tuple[str, str], _Property] = {}
    areas: dict[int, dict[str, _Property]] = {}
    digest = b""
    for one in properties:
        uri, local = one.name
        promised = [words for space, names, words in _PROMISES if _matches(one.name, space, names)]
        if promised:
            edits.append((one.whole, b""))
            gone += filter(None, promised)
        elif one.name == _ORIENTATION and orientation:
            edits.append((one.value, b"1"))
        elif one.name == _POINTER:
            digest = data[one.value].strip()
            if pointer is not None:
                edits.append((one.value, pointer) if pointer else (one.whole, b""))
        elif uri in (_AREA, _DIMENSIONS):
            areas.setdefault(one.parent, {})[local] = one
        else:
            found[one.name] = one
    if orientation > 1:
        edits += _turned(data, found, areas, orientation)
    for place, new in sorted(edits, key=lambda edit: edit[0].start, reverse=True):
        data = data[: place.start] + new + data[place.stop :]
    return Xmp(_without_unused(data) if gone else data, tuple(dict.fromkeys(gone)), digest)


def holds_nothing(data: bytes) -> bool:
    """Whether an extension has no property left."""
    return not any(name[0] not in (_RDF, "adobe:ns:meta/") for name, *_ in _properties(data))


def _matches(name: tuple[str, str], space: str, names: str) -> bool:
    return (name[0].startswith(space) if space else True) and (not names or re.fullmatch(names, name[1]) is not None)


def _turned(data, found, areas, orientation):
    edits = []
    if orientation > 4:
        for one, other in _EXCHANGED:
            if one in found and other in found:
                edits += [(found[one].value, data[found[other].value]), (found[other].value, data[found[one].value])]
    for area in areas.values():
        if orientation > 4 and {"w", "h"} <= set(area):
            edits += [(area["w"].value, data[area["h"].value]), (area["h"].value, data[area["w"].value])]
        if {"x", "y"} <= set(area):
            try:
                x, y = (float(data[area[axis].value]) for axis in "xy")
            except ValueError:
                continue
            place = moved(orientation, x, y, 1.0, 1.0)
            edits += [(area[axis].value, b"%.6g" % value) for axis, value in zip("xy", place, strict=True)]
    return edits


def _properties(data: bytes) -> list[_Property]:
    """All attributes and elements, but those inside an element that is named already as a promise."""
    parser = expat.ParserCreate()
    scopes = [_PREFIXES]
    open_elements: list[tuple[tuple[str, str], int, int]] = []
    found: list[_Property] = []

    def named(prefix: str, local: str) -> tuple[str, str]:
        return scopes[-1].get(prefix, ""), local

    def start(name, attributes):
        begin = parser.CurrentByteIndex
        tag = _TAG.match(data, begin)
        if tag is None:
            raise expat.ExpatError("no tag")
        spaces = {key[6:]: uri for key, uri in attributes.items() if key.startswith("xmlns:")}
        scopes.append({**scopes[-1], **spaces} if spaces else scopes[-1])
        for match in _ATTRIBUTE.finditer(data, begin, tag.end()):
            if match[1] != b"xmlns":
                value, whole = slice(match.start(3) + 1, match.end(3) - 1), slice(match.start(), match.end())
                found.append(_Property(named(match[1].decode(), match[2].decode()), whole, value, begin))
        prefix, _, local = name.rpartition(":")
        open_elements.append((named(prefix, local), begin, tag.end()))

    def end(name):
        at = parser.CurrentByteIndex
        key, begin, opened = open_elements.pop()
        scopes.pop()
        closed = data.startswith(b"</", at)
        value = slice(opened, at if closed else opened)
        whole = slice(begin, data.index(b">", at) + 1 if closed else opened)
        found.append(_Property(key, whole, value, open_elements[-1][1] if open_elements else 0))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, UnicodeDecodeError):
        if open_elements or not found:  # else only what follows the packet is no XML
            return []
    inner = [one.whole for one in found if any(_matches(one.name, space, names) for space, names, _ in _PROMISES)]
    return [one for one in found if not any(_within(one.whole, other) for other in inner)]


def _within(one: slice, other: slice) -> bool:
    return one != other and other.start <= one.start and one.stop <= other.stop


def _without_unused(data: bytes) -> bytes:
    """Without the declarations of prefixes that only promises used."""
    for declared in reversed(list(re.finditer(rb"""\s+xmlns:([\w.-]+)\s*=\s*["']([^"']*)["']""", data))):
        promising = any(space and not names and declared[2].startswith(space.encode()) for space, names, _ in _PROMISES)
        if promising and not re.search(rb"[<\s/]%s:" % re.escape(declared[1]), data):
            data = data[: declared.start()] + data[declared.end() :]
    return data
