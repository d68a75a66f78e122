"""Films as they are read: which stream is the film, its frames with their times, and its damage."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from gandeblur.errors import InputError
from gandeblur.inference import film_whole
from gandeblur.inference.film_frames import Filters

# A reader may find good packets behind a bad one; a file's cut end gives the same error again and again.
MOST_ERRORS_IN_A_ROW = 16
MARKED_WITHIN = ("h264", "hevc", "mpeg1video", "mpeg2video", "vc1", "wmv3")  # their frames say if they are interlaced
TIMED_AS_A_WHOLE = ("matroska,webm", "flv", "asf")  # the header states the length of the longest stream, not of each
MOST_FRAMES_PER_SECOND = 1000  # a raw DV file's mean is said to be 60,000
JOINED_SECONDS = Fraction(1, 10)  # decoding times that go back by more are those of another recording
MPEG_STREAMS = ("mpegts", "mpeg")  # recorded from the middle on, up to the first key frame nothing can be shown


@dataclass
class Picture:
    """A frame of the film, its time and how long it stays, in seconds."""

    frame: Any
    time: Fraction
    stay: Fraction


@dataclass
class Film:
    """An opened film.

    Args:
        path: its file.
        container: `av.InputContainer`.
        stream: the film's `av.VideoStream`.
        decoder: of its packets.
        total: how many frames it should have, about; 0: unknown.
        notes: changes of its frames, in words.
        lost: packets that could not be decoded.
        concealed: frames that the decoder had to complete.
        shown: frames given so far.
    """

    path: Path
    container: Any
    stream: Any
    decoder: Any
    total: int = 0
    notes: list[str] = field(default_factory=list)
    lost: int = 0
    concealed: int = 0
    shown: int = 0
    _ends: dict[int, Fraction] = field(default_factory=dict)  # of each stream
    _shifts: list[Fraction] = field(default_factory=lambda: [Fraction(0)])  # of the times of each part, see `_join`
    _parts: dict[int, int] = field(default_factory=dict)  # at which part each stream is
    _decoding: dict[int, Fraction] = field(default_factory=dict)  # its last decoding time
    _failed: str = ""  # why the file cannot be read on
    _last_error: str = ""  # of a decoder
    _begun: bool = False
    _interlaced: bool = False

    @property
    def rate(self) -> Fraction:
        """Frames per second, about: the mean, unless it is no rate of a film."""
        rates = (self.stream.average_rate, self.stream.guessed_rate)
        return next((one for one in rates if one and one <= MOST_FRAMES_PER_SECOND), Fraction(25))

    def contents(self) -> Iterator[Any]:
        """The film's frames as `Picture`, and the packets of all other streams, as the file has them.

        Raises:
            InputError: the film has no frame that can be read.
        """
        before: tuple[Any, Fraction] | None = None
        usual = 1 / self.rate
        for one in self._in_order():
            if not isinstance(one, tuple):
                yield one
                continue
            frame, time = one
            if before:
                time = self._later(time, before[1], usual)
                usual = time - before[1]
                self.shown += 1
                yield Picture(*before, usual)
            before = (frame, time if time is not None else Fraction(0))
        if not before:
            reason = f" ({self._failed or self._last_error})" if self._failed or self._last_error else ""
            raise InputError(f"{self.path}: holds no frame that can be read{reason}; replace the file or leave it out")
        self.shown += 1
        yield Picture(*before, self._last_stay(*before, usual))

    def _later(self, time, before, usual):
        """A frame's time, behind the one of the frame before; the next ones keep theirs where only one is wrong."""
        if time is None:
            return before + usual
        if time > before:
            return time
        return before + 1 / self.rate / (1 if before - time > 2 / self.rate else 4)

    def damage(self) -> str:
        """The damage of a film that was read to its end, in words; empty if there is none."""
        said = []
        if self.lost:
            said.append(f"{self.lost} {'packet' if self.lost == 1 else 'packets'} could not be decoded")
        if self.concealed:
            said.append(f"{self.concealed} {'frame has' if self.concealed == 1 else 'frames have'} damaged parts")
        missing = film_whole.missing_bytes(self.path)
        if missing or self._failed:
            of = f" of {self.stream.frames}" if self.stream.frames > self.shown else ""
            said.append(f"the file is cut off or unreadable from some point on: {self.shown}{of} frames are there")
        return "; ".join(said)

    def _packets(self):
        """All readable packets, and at last the empty ones that flush the decoders."""
        import av

        errors = 0
        packets = self.container.demux()
        while errors < MOST_ERRORS_IN_A_ROW:
            try:
                for packet in packets:
                    if errors and packet.size:  # it goes on
                        self.lost += 1
                        errors, self._failed = 0, ""
                    if self.container.format.name in MPEG_STREAMS and packet.dts is not None:
                        self._join(packet)
                    yield packet
                return
            except av.FFmpegError as error:  # ends the generator, not the container
                self._failed = error.strerror or str(error)
                errors += 1
                packets = self.container.demux()
        yield None

    def _join(self, packet):
        """Moves the times of a recording that another one was put before: in each stream they begin anew there."""
        index, time = packet.stream.index, packet.dts * packet.time_base
        part = self._parts.get(index, 0)
        if time < self._decoding.get(index, time) - JOINED_SECONDS:
            part += 1
            if part == len(self._shifts):  # the first stream that comes there
                self._shifts.append(max(self._ends.values()) - time)
        self._parts[index], self._decoding[index] = part, time
        if shift := round(self._shifts[part] / packet.time_base):
            packet.dts += shift
            packet.pts = packet.pts + shift if packet.pts is not None else None

    def _in_order(self):
        """Packets of other streams, and (frame, time or None) of the film, deinterlaced if it is interlaced."""
        filters = None
        times: list[Fraction] = []  # of the packets, for containers that tell when a frame is decoded, not shown
        untimed = self.container.format.name == "avi"
        for packet in self._packets():
            if packet is not None and packet.stream is not self.stream:
                if packet.size:
                    self._seen(packet)
                    yield packet
                continue
            if packet is not None and packet.size:
                if self.stream.index not in self._ends:
                    self._starts_with(packet)
                self._seen(packet)
                if untimed and packet.dts is not None:
                    times.append(packet.dts * packet.time_base)
            lost = self.lost
            frames = list(self._decoded(packet))
            if self.lost > lost and times:
                times.pop()
            for frame in frames:
                if untimed and times:
                    frame.pts, frame.time_base = round(times[0] / self.stream.time_base), self.stream.time_base
                    times.pop(0)
                filters = yield from self._filtered(filters, frame)
        yield from self._flushed(filters)

    def _filtered(self, filters, frame):
        """Yields what is ready of the frames up to this one; returns the filters for the next."""
        interlaced = self._is_interlaced(frame)
        shape = frame.width, frame.height, frame.format.name
        if filters is None or shape != filters.shape or (interlaced and not filters.deinterlaces):
            yield from self._flushed(filters)
            filters = Filters(frame, self.stream, interlaced)
            if interlaced and not self._interlaced:
                self._interlaced = True
                self.notes.append("interlaced: each frame was deinterlaced (bwdif)")
            if filters.nameless:
                self.notes.append("left out: data beside the frames that PyAV has no name for, such as EXIF")
        yield from ((one, _time(one)) for one in filters.frames(frame))
        return filters

    def _flushed(self, filters):
        yield from ((one, _time(one)) for one in filters.frames(None)) if filters else ()

    def _decoded(self, packet):
        import av

        try:
            frames = self.decoder.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError as error:
            self._last_error = error.strerror or str(error)
            if self._begun or self.container.format.name not in MPEG_STREAMS:
                self.lost += 1
            return
        for frame in frames:
            self._begun = True
            if not frame.time_base:
                frame.time_base = self.stream.time_base
            self.concealed += frame.is_corrupt
            yield frame

    def _starts_with(self, packet):
        if self.container.format.name in MPEG_STREAMS and not packet.is_keyframe:
            self.notes.append("begins between two key frames: what comes before the first one was left out")

    def _is_interlaced(self, frame):
        order = self.stream.codec_context.field_order  # 2 to 5: which field comes first
        return frame.interlaced_frame or (order >= 2 and self.stream.codec_context.name not in MARKED_WITHIN)

    def _seen(self, packet):
        start = packet.pts if packet.pts is not None else packet.dts
        if start is not None and packet.time_base:
            end = (start + (packet.duration or 0)) * packet.time_base
            self._ends[packet.stream.index] = max(self._ends.get(packet.stream.index, end), end)

    def _stated_end(self):
        """When the container says that the longest stream ends, in seconds."""
        import av

        return Fraction(self.container.duration, av.time_base) if self.container.duration else None

    def _last_stay(self, frame, time, usual):
        """How long the last frame stays: by itself, by its stream, or by a container that nothing else fills."""
        own = frame.duration * frame.time_base if frame.duration and frame.time_base else Fraction(0)
        found = own or usual
        if film_whole.missing_bytes(self.path) or self._failed:
            return found
        stream, end = self.stream, None
        if stream.duration:
            end = ((stream.start_time or 0) + stream.duration) * stream.time_base
        elif (stated := self._stated_end()) is not None and self.container.format.name in TIMED_AS_A_WHOLE:
            others = [one for index, one in self._ends.items() if index != stream.index]
            if max(others, default=Fraction(0)) + Fraction(1, 20) < stated:
                end = stated
        return max(found, end - time) if end is not None else found


def opened(path: Path) -> Film:
    """Opens a film; `film.container` is to be closed.

    Its stream is the default one, or the first, but never a cover or thumbnail.

    Raises:
        InputError: the file is no film, or holds none.
    """
    import av

    try:
        container = av.open(str(path.absolute()), metadata_errors="replace")  # a relative name may look like a protocol
    except av.FFmpegError as error:
        raise InputError(f"{path}: cannot be read as a video ({error.strerror}); leave it out") from error
    films = [one for one in container.streams.video if not is_cover(one) and one.codec_context is not None]
    if not films:
        only = "only a cover picture" if any(map(is_cover, container.streams.video)) else "no video that can be decoded"
        container.close()
        raise InputError(f"{path}: holds {only}; leave it out")
    default = [one for one in films if one.disposition & av.stream.Disposition.default]
    stream = (default or films)[0]
    # Not `thread_type = "AUTO"`: where one packet cannot be decoded, threads lose the frames before it as well.
    film = Film(path, container, stream, _decoder(stream))
    length = container.duration / av.time_base if container.duration else 0
    film.total = stream.frames or round(length * float(film.rate))
    return film


def _decoder(stream):
    """The stream's own decoder; for WebM with transparency the one that does not pass it over."""
    import av

    other = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    marks = {key.lower(): value for key, value in stream.metadata.items()}
    if other in av.codecs_available and marks.get("alpha_mode") == "1":
        return av.CodecContext.create(other, "r")
    return stream


def is_cover(stream: Any) -> bool:
    """Whether a video stream is a cover or a thumbnail."""
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _time(frame):
    return frame.pts * frame.time_base if frame.pts is not None and frame.time_base else None
