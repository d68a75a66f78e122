"""Whether a film's file is whole, by what its own outermost structure says of its length."""

from pathlib import Path

MATROSKA, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # its properties


def missing_bytes(path: Path) -> int:
    """How many bytes at least a file lacks at its end; 0 where its kind does not tell.

    MP4 and MOV are boxes, Matroska and WebM one segment, AVI chunks of RIFF, each with its length before it; ASF states
    the file's size; FLV ends with the size of its last tag, Ogg with a page that is marked as the last. Streams
    (MPEG-TS, MPEG-PS, DV) say nothing of the kind.
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


def _flv(file, size):
    """The size, or one more if what stands at the end is no tag with its own length behind it."""
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
