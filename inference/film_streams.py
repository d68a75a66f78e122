"""The other streams of a film: copied packet by packet, or named where the new container does not hold them."""

import io
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

OWN_KEYS = ("encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id")  # a container writes its own
GAP_SECONDS = Fraction(1, 10)
KINDS = {"audio": "sound track", "subtitle": "subtitle track", "video": "picture track"}


def kept(metadata: dict[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """The metadata that go to the new file: all that say nothing of the old one's make.

    Args:
        metadata: of a container or stream.
        more: beginnings of further keys that do not.
    """
    return {key: value for key, value in metadata.items() if not key.lower().startswith(OWN_KEYS + more)}


def named(stream: Any) -> str:
    """A stream in words: its kind, its number of that kind, its language."""
    same = [one.index for one in stream.container.streams if one.type == stream.type]
    language = stream.metadata.get("language", "und")
    name = f"{KINDS.get(stream.type, f'{stream.type} track')} {same.index(stream.index) + 1}"
    return name if language == "und" else f"{name} ({language})"


def written_anew(stream: Any) -> bool:
    """Whether a QuickTime stream is one that FFmpeg writes by itself: chapters' names, timecode."""
    return stream.type == "data" and (stream.name == "bin_data" or "timecode" in stream.metadata)


def attach(new: Any, cover: Any, packets: Iterable[Any]) -> None:
    """Writes a cover as Matroska has it, as an attachment.

    Args:
        new: `av.OutputContainer`.
        cover: its stream.
        packets: one of them is the picture.
    """
    data = next((bytes(packet) for packet in packets if packet.stream is cover), None)
    if data is not None:
        kind = {"mjpeg": "jpeg"}.get(cover.codec_context.name, cover.codec_context.name)
        name = cover.metadata.get("filename") or f"cover.{kind.replace('jpeg', 'jpg')}"
        new.add_attachment(name, f"image/{kind}", data)


class Copy:
    """A stream that is copied as it is.

    Args:
        stream: of the new container.
    """

    last = 0  # decoding time of the packet that was written last, in the new file's units

    def __init__(self, stream: Any):
        self.stream = stream

    def packets(self, packet: Any, earlier: Fraction) -> list[Any]:
        """The packets to write for one that was read, `earlier` by seconds; None: for the end."""
        if packet is None:
            return []
        packet.stream = self.stream
        if earlier and packet.dts is not None:
            shift = round(earlier / packet.time_base)
            packet.dts -= shift
            packet.pts = packet.pts - shift if packet.pts is not None else None
        return [packet]


class Flac:
    """Sound that Matroska does not hold as it is (DVD's PCM, Windows Media), decoded and written without loss.

    Args:
        stream: of the new container.
        source: of the old one.
    """

    last = 0  # as of `Copy`

    def __init__(self, stream: Any, source: Any):
        import av

        context = source.codec_context
        stream.format = "s32" if context.format.bits == 32 and not context.format.name.startswith("flt") else "s16"
        stream.layout = context.layout
        self.stream, self.source = stream, source
        self.next: Fraction | None = None  # when the next sample is heard, in seconds
        self.resampler = av.AudioResampler(stream.format, stream.layout, context.sample_rate, frame_size=4096)

    def packets(self, packet: Any, earlier: Fraction) -> list[Any]:
        """As `Copy.packets`."""
        import av

        try:
            frames = self.source.decode(packet) + ([] if packet else [None])
        except av.FFmpegError:  # a gap is what players make of it, too
            frames = [] if packet else [None]
        packets = []
        for frame in frames:
            if frame is not None:
                self._time(frame, earlier)
            for part in self.resampler.resample(frame):
                packets += self.stream.encode(part)
        return packets if packet else packets + self.stream.encode(None)

    def _time(self, frame, earlier):
        """Times a frame by the samples before it, unless there is a gap: containers' times are rounded."""
        told = frame.pts * frame.time_base - earlier if frame.pts is not None else self.next or Fraction(0)
        start = told if self.next is None or abs(told - self.next) > GAP_SECONDS else self.next
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(start * frame.sample_rate)
        self.next = start + Fraction(frame.samples, frame.sample_rate)


def mux(new: Any, copy: Copy | Flac, packets: Iterable[Any]) -> int:
    """Writes packets of one stream; a packet whose time is not after the last one's comes right behind it.

    Returns:
        How many came so.
    """
    import av

    moved = 0
    for packet in packets:
        try:
            new.mux(packet)
        except av.ArgumentError:
            packet.dts = copy.last + 1
            packet.pts = max(packet.dts, packet.pts if packet.pts is not None else packet.dts)
            new.mux(packet)
            moved += 1
        if packet.dts is not None:
            copy.last = packet.dts
    return moved


def copy(new: Any, container: str, stream: Any) -> Copy | Flac | None:
    """Adds a stream to a container, for the copy of a stream; None if the container does not hold such a stream.

    Args:
        new: `av.OutputContainer`.
        container: FFmpeg's name of its kind.
        stream: of the old one.
    """
    if _holds(container, stream):
        copied = new.add_stream_from_template(stream, opaque=True)
        result: Copy | Flac = Copy(copied)
    elif stream.type == "audio" and container == "matroska":
        copied = new.add_stream("flac", rate=stream.codec_context.sample_rate)
        result = Flac(copied, stream)
    else:
        return None
    copied.metadata.update(kept(stream.metadata))
    copied.disposition = stream.disposition
    return result


def _holds(container, stream):
    """Whether a container takes a stream, tried with an empty file."""
    import av

    try:
        with av.open(io.BytesIO(), "w", container) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
