"""Whether a film's file is whole, by the length that its own outermost structure states."""

import struct
from pathlib import Path

TS_SYNC, TS_PACKETS = (
    0x47,
    ((188, 0), (192, 4), (204, 0)),
)  # size of a packet, and where in it the byte is (M2TS: timed)
PACK, DV_HEADER = b"\0\0\1\xba", b"\x1f\x07\0"
MATROSKA, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # its properties


def missing_bytes(path: Path) -> int:
    """How many bytes at least a file lacks at its end; 0 where its kind does not tell.

    MP4 and MOV are boxes, Matroska and WebM one segment, AVI chunks of RIFF, each with its length before it; ASF states
    the file's size, and so do most FLV files, which end with the size of their last tag; Ogg ends with a page that is
    marked as the last. MPEG-TS has packets of one size, DV frames, MPEG-PS packets with their length before them: a cut
    within one shows, a cut between two does not.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(12)
        if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            end = _boxes(file, size)
        elif start[:4] == MATROSKA:
            end = _segment(file)
        elif start[:4] == b"RIFF":
            end = _riff(file, size)
        elif start[:3] == b"FLV":
            end = _flv(file, size)
        elif start[:4] == ASF[:4]:
            end = _asf(file)
        elif start[:4] == b"OggS":
            end = _ogg(file, size)
        elif packets := _transport(file):
            first, step = packets
            end = first - (first - size) // step * step
        elif start[:4] == PACK:
            end = _program(file, size)
        elif start[:3] == DV_HEADER:
            step = 144_000 if start[3] & 0x80 else 120_000  # 625 or 525 lines
            end = -(-size // step) * step
        else:
            end = 0
    return max(0, end - size)


def _boxes(file, size):
    """Where the last box of ISO/IEC 14496-12 ends."""
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return place + 8
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:  # up to the end of the file
            return size
        if length < 8:  # no box
            return place
        place += length
    return place


def _segment(file):
    """Where the segment of Matroska (RFC 9559) ends; 0 if it does not say."""
    place = 0
    for wanted in (MATROSKA, SEGMENT):
        file.seek(place)
        head = file.read(12)
        if head[:4] != wanted or len(head) < 5 or not head[4]:
            return 0
        digits = 9 - head[4].bit_length()
        number = int.from_bytes(head[4 : 4 + digits], "big") & ((1 << 7 * digits) - 1)
        if wanted == SEGMENT and number == (1 << 7 * digits) - 1:  # unknown: written while it was sent
            return 0
        place += 4 + digits + number
    return place


def _riff(file, size):
    """Where the last RIFF chunk ends (AVI of more than a gigabyte has several); 0 if it was never closed."""
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8 or head[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):
            return place
        place += 8 + length + length % 2
    return place


def _transport(file):
    """(Place of the first packet, size of each) of an MPEG transport stream, which may begin within one, or None."""
    file.seek(0)
    start = file.read(8 * 204)
    for step, before in TS_PACKETS:
        for place in range(before, step + before):
            marks = start[place::step]
            if len(marks) >= 4 and set(marks) == {TS_SYNC}:
                return place - before, step
    return None


def _program(file, size):
    """Where the last packet of an MPEG program stream (ISO/IEC 13818-1) ends."""
    file.seek(max(0, size - 2**18))
    tail = file.read()
    place = tail.rfind(PACK)
    if place < 0 or place + 14 > len(tail):
        return size if place < 0 else size + 1
    at = place + (14 + (tail[place + 13] & 7) if tail[place + 4] & 0xC0 == 0x40 else 12)  # of MPEG-2, of MPEG-1
    while at + 6 <= len(tail) and tail[at : at + 3] == b"\0\0\1":
        if tail[at + 3] == 0xB9:  # the end, said
            return size
        at += 6 + int.from_bytes(tail[at + 4 : at + 6], "big")
    return size + max(0, at - len(tail))


def _flv(file, size):
    """The size that it states, or one more than it has if no tag with its own length behind it stands at the end."""
    file.seek(0)
    head = file.read(2**12)
    if (place := head.find(b"\0\x08filesize\0")) >= 0:
        stated = struct.unpack(">d", head[place + 11 : place + 19])[0]
        if size < stated < 2**63:
            return int(stated)
    file.seek(max(0, size - 4))
    length = int.from_bytes(file.read(4), "big")
    file.seek(max(0, size - 4 - length))
    head = file.read(4)
    return size if length >= 11 and int.from_bytes(head[1:], "big") == length - 11 else size + 1


def _asf(file):
    """What its header says (0 in one that was sent live)."""
    file.seek(0)
    head = file.read(2**16)
    place = head.find(ASF_FILE)
    return int.from_bytes(head[place + 40 : place + 48], "little") if place >= 0 else 0


def _ogg(file, size):
    """The size, or one more if the last page is not marked as the last of its stream."""
    file.seek(max(0, size - 2**16))
    tail = file.read()
    place = tail.rfind(b"OggS")
    return size if place >= 0 and tail[place + 5] & 4 else size + 1
