"""Image resources of Photoshop files (8BIM), in which IPTC data lies, too: all but the thumbnail of the old picture."""

import struct

HEADER = b"Photoshop 3.0\0"
_THUMBNAILS = (1033, 1036)


def without_thumbnail(data: bytes) -> bytes:
    """The resources but the thumbnail; the same bytes, where there is none or where they cannot be read."""
    kept: list[bytes] = []
    position = 0
    while position < len(data):
        if data[position : position + 4] not in (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"):
            return data if any(data[position:]) else b"".join(kept) + data[position:]
        name = data[position + 6] + 1 if position + 6 < len(data) else 0
        place = position + 6 + name + name % 2
        if place + 4 > len(data):
            return data
        (number,), (size,) = struct.unpack_from(">H", data, position + 4), struct.unpack_from(">I", data, place)
        end = place + 4 + size + size % 2
        if place + 4 + size > len(data):
            return data
        if number not in _THUMBNAILS:
            kept.append(data[position:end])
        position = end
    return b"".join(kept)
