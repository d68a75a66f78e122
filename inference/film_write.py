"""Films as they are written: frames are encoded, other streams copied, and losses named."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from gandeblur.inference import film_codecs, film_matroska, film_streams
from gandeblur.inference.film_codecs import NAMES
from gandeblur.inference.film_colour import (
    RGB,
    TAGGED,
    Colour,
    Converter,
    by_size,
    chroma_place,
    has_alpha,
    told,
    turned_place,
)
from gandeblur.inference.film_frames import turn, turned
from gandeblur.inference.film_hdr import light, lost_side_data, refuse_hidden
from gandeblur.inference.film_read import Film, Picture, is_cover
from gandeblur.inference.film_streams import kept, named

KEYS_SECONDS = 2  # between two key frames at most
# Keys of metadata that describe the old stream.
OLD_KEYS = ("bps", "duration", "number_of_frames", "number_of_bytes", "_statistics_")


class Writer:
    """Writes one film; its container is made at the first frame.

    Args:
        film: the source.
        target: the file as the user knows it.
        temporary: the file to write.
    """

    def __init__(self, film: Film, target: Path, temporary: Path):
        self.film, self.temporary = film, temporary
        self.format = film_codecs.container_of(target.suffix)
        self.suffix = target.suffix.lower()
        source_only = film.path.suffix.lower() in film_codecs.READ_ONLY
        self.notes: list[str] = []
        self.new: Any = None  # `av.OutputContainer`
        self.encoder: Any = None
        self._waiting: list = []  # packets before the first frame: the header states the frames' size
        self._copies: dict[int, Any] = {}
        self._stays: dict[int, int] = {}
        self._key = Fraction(-(10**9))  # time of the last frame that was made a key frame, in seconds
        self._last = -(10**18)  # in units of `time_base`
        self._held: Any = None  # the packet that was encoded last
        self._first = (0, 0)  # time of the first packet, in units of `time_base`, and its decoding time, in its own
        self._end = -(10**18)
        self._moved: dict[int, int] = {}
        # A film of another kind of container begins at 0, as players of the new one expect.
        start = film.container.start_time if source_only else 0
        self.earlier = Fraction(start or 0, 1_000_000)

    def pixels(self, picture: Picture) -> tuple[np.ndarray, np.ndarray | None]:
        """A frame as it is shown, upright: its colours, to be restored, and its alpha."""
        frame = picture.frame
        if self.encoder is None:
            self._look(frame)
        pixels, alpha = self.converter.pixels(frame)
        return turned(pixels, self.how), None if alpha is None else turned(alpha, self.how)

    def picture(self, picture: Picture, restored: np.ndarray, alpha: np.ndarray | None) -> None:
        """Encodes a restored frame."""
        if self.encoder is None:
            self._begin(restored.shape[1], restored.shape[0], picture)
        alpha = alpha if self.alpha else None
        if restored.shape[:2] != self.first_shape:
            self._note("frames of another size than the first were fitted to it")
        else:
            width, height = self.choice.size
            restored, alpha = restored[:height, :width], None if alpha is None else alpha[:height, :width]
        image = self.converter.frame(restored, alpha, self.choice.size, self.choice.pix_fmt)
        self._last = max(round((picture.time - self.earlier) / self.time_base), self._last + 1)
        image.pts, image.time_base = self._last, self.time_base
        stay = round(picture.stay / self.time_base)
        image.duration, self._stays[image.pts] = stay, stay
        if picture.time + picture.stay - self._key > KEYS_SECONDS:
            from av.video.frame import PictureType

            image.pict_type, self._key = PictureType.I, picture.time
        self._mux(self.encoder.encode(image))

    def copy(self, packet: Any) -> None:
        """Copies a packet of another stream."""
        if self.encoder is None:
            self._waiting.append(packet)
        elif copy := self._copies.get(packet.stream.index):
            index = packet.stream.index
            if moved := film_streams.mux(self.new, copy, copy.packets(packet, self.earlier)):
                self._moved[index] = self._moved.get(index, 0) + moved

    def close(self) -> None:
        """Ends the film, and notes the things that its container does not hold."""
        self._mux(self.encoder.encode(None))
        self._mux_last()
        for copy in self._copies.values():
            self.new.mux(copy.packets(None, self.earlier))
        self.new.close()
        if self.shown:
            film_matroska.set_size(self.temporary, self.shown)
        for index, number in self._moved.items():
            name = named(self.film.container.streams[index])
            self.notes.append(f"{number} packets of {name} moved behind those before: their times go backwards")
        lost = self._lost()
        self.notes += [f"{self.suffix} does not hold {', '.join(lost)}"] if lost else []

    def abandon(self) -> None:
        """Lets go of the file."""
        if self.new is not None:
            self.new.close()

    def _look(self, frame):
        """Colours and orientation of the film, by its first frame."""
        self._colour = told(frame, self.film.stream.codec_context)
        refuse_hidden(self.film.path, frame, self._colour)
        self.converter = Converter(self._colour, self._colour)
        self.matrix = next((bytes(one) for one in frame.side_data if one.type.name == "DISPLAYMATRIX"), None)
        how = turn(self.matrix) if self.matrix else (False, False, False)
        self.how = how or (False, False, False)
        if how:  # else it stays beside the pixels: by an angle between, players leave corners black
            self.matrix = None

    def _begin(self, width, height, picture):
        """Opens the container and the encoder."""
        import av

        film, frame, colour = self.film, picture.frame, self._colour
        old, stream = film.container, film.stream
        full = colour.range == 2 and colour.matrix != RGB
        self.first_shape = (height, width)
        self.choice = film_codecs.choose(
            self.format, stream.codec_context.name, frame.format, (width, height), full or "yuvj" in frame.format.name
        )
        chosen = av.VideoFormat(self.choice.pix_fmt)
        written = colour
        if colour.matrix == RGB and not chosen.is_rgb:
            written = Colour(by_size(frame), colour.primaries, colour.transfer, 1)
        if self.choice.pix_fmt.startswith("yuvj"):
            written = Colour(written.matrix, written.primaries, written.transfer, 2)
        self.converter.written = written
        self.alpha = has_alpha(chosen)
        covers = any(is_cover(one) for one in old.streams.video)
        wanted = film_codecs.container_options(self.suffix, kept(old.metadata), covers, stream.time_base)
        self.shown = None
        if self.choice.encoder not in film_codecs.TELL_ASPECT and "stereo_mode" not in stream.metadata:
            self.shown = film_matroska.shown_size(self.format, self.choice.size, self._aspect() or 1)
        wanted |= film_matroska.OPTIONS if self.shown else {}
        self.new = av.open(str(self.temporary.absolute()), "w", self.format, container_options=wanted)
        self.new.metadata.update(kept(old.metadata))
        if chapters := old.chapters():
            self.new.set_chapters(chapters)
        for one in old.streams:
            if one is stream:
                self.encoder = self._encoder(written, frame)
            elif copied := self._copied(one):
                self._copies[one.index] = copied
        with film_codecs.as_scheduled():
            self.new.start_encoding()
        self.time_base = self._time_base()
        self.notes += [*colour.notes, *self.choice.notes, *lost_side_data(frame, colour, self._holds_captions())]
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.copy(packet)

    def _holds_captions(self):
        """Whether frames take their captions along: only as they lie, and to x264."""
        return self.choice.encoder == film_codecs.H264 and self.how == (False, False, False)

    def _aspect(self):
        """The pixels' aspect of the new film; None if the old one does not say."""
        aspect = self.film.stream.sample_aspect_ratio
        return 1 / aspect if aspect and self.how[0] else aspect

    def _time_base(self):
        stream = self.film.stream
        if self.format == "avi":  # counts frames
            return 1 / self.film.rate
        return stream.time_base

    def _encoder(self, colour, frame):
        """The film's new stream."""
        stream, choice = self.film.stream, self.choice
        rate = self.film.rate
        os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder would tell its settings on stderr
        options = choice.options | light(frame, choice.encoder)
        if "420p" in choice.pix_fmt and (place := turned_place(chroma_place(stream), self.how)):
            options["chroma_sample_location"] = place
        encoder = self.new.add_stream(choice.encoder, rate=rate, time_base=self._time_base(), options=options)
        encoder.width, encoder.height = choice.size
        encoder.pix_fmt = choice.pix_fmt
        context = encoder.codec_context
        context.gop_size = max(1, int(KEYS_SECONDS * rate))
        context.color_range = colour.range
        context.colorspace = colour.matrix
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        if aspect := self._aspect():
            context.sample_aspect_ratio = aspect
        if choice.encoder == film_codecs.H265 and self.format in film_codecs.QUICKTIME:
            context.codec_tag = "hvc1"  # QuickTime plays no other
        if choice.encoder == "mjpeg":
            context.qmin = context.qmax = 2
        if self.format in ("avi", "flv"):  # AVI has no times for frames that are shown later than those behind them
            context.max_b_frames = 0
        if self.matrix:
            encoder.set_display_matrix(np.frombuffer(self.matrix, np.int32))
        encoder.metadata.update(kept(stream.metadata, OLD_KEYS) | (film_matroska.MARK if self.shown else {}))
        encoder.disposition = stream.disposition
        return encoder

    def _copied(self, stream):
        """How another stream is copied; None if the container does not hold it, or writes it by itself."""
        if is_cover(stream) and self.format == "matroska":
            film_streams.attach(self.new, stream, self._waiting)
            return None
        if self.format in film_codecs.QUICKTIME and film_streams.written_anew(stream):
            return None
        copy = film_streams.copy(self.new, self.format, stream)
        codec = stream.codec_context.name if stream.codec_context is not None else stream.name
        if copy is None:
            self.notes.append(f"{named(stream)} left out: {self.suffix} does not hold {codec or 'it'}")
        elif isinstance(copy, film_streams.Flac):
            self.notes.append(f"{named(stream)}: FLAC in place of {codec}")
        elif stream.type == "video" and not is_cover(stream):
            self.notes.append(f"{named(stream)} copied as it is, not restored")
        return copy

    def _mux(self, packets):
        for packet in packets:
            place = round(packet.pts * packet.time_base / self.time_base)
            stay = self._stays.pop(place, 0)
            self._end = max(self._end, place + stay)
            if stay:
                packet.duration = round(stay * self.time_base / packet.time_base)
            if abs(packet.pts - packet.dts) * packet.time_base > 60:  # x265's of a film of one or two frames
                packet.dts = packet.pts
            if self._held is None:
                self._first = place, packet.dts
            else:
                self.new.mux(self._held)
            self._held = packet

    def _mux_last(self):
        """Writes the last packet.

        QuickTime has two lengths: the sum of the decoding times' steps and this packet's stay; and how far any packet
        reaches. Where frames stay longer and longer, the second would be too large if this one were decoded as early as
        the encoder says.
        """
        packet = self._held
        if self.format in film_codecs.QUICKTIME:
            unit = self.time_base / packet.time_base
            first, length = self._first[0] * unit, (self._end - self._first[0]) * unit
            packet.dts = max(packet.dts, packet.pts - (round(first) - self._first[1]))
            packet.duration = round(length) - (packet.dts - self._first[1])
        self.new.mux(packet)

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def _lost(self):
        """Metadata of the old file that the new one, read again, lacks."""
        import av

        old, film = self.film.container, self.film.stream
        with av.open(str(self.temporary.absolute()), metadata_errors="replace") as new:
            keys = {key.lower() for key in new.metadata}
            lost = [f"metadata {key}" for key in kept(old.metadata) if key.lower() not in keys]
            if len(new.chapters()) < len(old.chapters()):
                lost.append("chapters")
            if sum(map(is_cover, new.streams.video)) < sum(map(is_cover, old.streams.video)):
                lost.append("covers")
            new_film = next(one for one in new.streams.video if not is_cover(one))
            old_aspect, new_aspect = self._aspect() or 1, new_film.sample_aspect_ratio or 1
            if abs(old_aspect / new_aspect - 1) > 1 / self.choice.size[0]:  # by less than a pixel
                lost.append(f"pixels of {film.sample_aspect_ratio} to 1 for {NAMES[self.choice.encoder]}")
            if self.converter.written.matrix not in (RGB, new_film.codec_context.colorspace):
                self.notes = [note.removesuffix(TAGGED) for note in self.notes]
                if not any("colours are not tagged" in note for note in self.notes):
                    lost.append("tags of colours")
            places = [one for one in old.streams if one is film or one.index in self._copies]
            for one, copy in zip(places, new.streams, strict=False):
                language = one.metadata.get("language", "und")
                if language != copy.metadata.get("language", "und"):
                    lost.append(f"the language of {named(one)}")
        return lost
