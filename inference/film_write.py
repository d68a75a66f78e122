"""Films as they are written: frames encoded, all other streams copied, and what a container does not hold named."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from gandeblur.inference import film_codecs, film_streams
from gandeblur.inference.film_colour import RGB, Colour, Converter, by_size
from gandeblur.inference.film_hdr import light, lost_side_data
from gandeblur.inference.film_read import Film, Picture, is_cover, turn, turned
from gandeblur.inference.film_streams import kept, named

KEYS_SECONDS = 2  # between two key frames at most
# Keys of metadata that describe the old stream.
OLD_KEYS = ("bps", "duration", "number_of_frames", "number_of_bytes", "_statistics_")
# What FFmpeg writes into MP4 and MOV without `use_metadata_tags`, which would cost the cover its place.
PLAIN_KEYS = {
    "mp4": "title artist album_artist composer album date creation_time comment genre copyright grouping lyrics "
    "description synopsis show episode_id network keywords track disc compilation location rating",
    "mov": "title artist album composer date creation_time comment genre copyright make model location",
}


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
        self.encoder: Any = None
        self._waiting: list = []  # packets before the first frame: the header states the frames' size
        self._copies: dict[int, Any] = {}
        self._stays: dict[int, int] = {}
        self._key = Fraction(-(10**9))
        self._refused: dict[int, int] = {}
        # A film of another kind of container begins at 0, as players of the new one expect.
        start = film.container.start_time if source_only else 0
        self.earlier = Fraction(start or 0, 1_000_000)

    def pixels(self, picture: Picture) -> tuple[np.ndarray, np.ndarray | None]:
        """A frame as it is shown, upright: what is to be restored, and its alpha."""
        frame = picture.frame
        if self.encoder is None:
            self._look(frame)
        return tuple(None if one is None else turned(one, self.how) for one in self.converter.pixels(frame))

    def picture(self, picture: Picture, restored: np.ndarray, alpha: np.ndarray | None) -> None:
        """Encodes a restored frame."""
        if self.encoder is None:
            self._begin(restored.shape[1], restored.shape[0], picture)
        if alpha is not None and not self.alpha:
            alpha = None
        if restored.shape[:2] != self.first_shape:
            self._note("frames of another size than the first were fitted to it")
        else:
            width, height = self.choice.size
            restored = restored[:height, :width]
            alpha = alpha[:height, :width] if alpha is not None else None
        image = self.converter.frame(restored, alpha, self.choice.size, self.choice.pix_fmt)
        image.pts, image.time_base = round((picture.time - self.earlier) / self.time_base), self.time_base
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
            import av

            index = packet.stream.index
            try:
                self.new.mux(copy.packets(packet, self.earlier))
            except av.ValueError:  # its time is not after that of the one before
                self._refused[index] = self._refused.get(index, 0) + 1

    def close(self) -> None:
        """Ends the film, and notes what its container does not hold."""
        self._mux(self.encoder.encode(None))
        for copy in self._copies.values():
            self.new.mux(copy.packets(None, self.earlier))
        self.new.close()
        for index, number in self._refused.items():
            name = named(self.film.container.streams[index])
            self.notes.append(f"{number} packets of {name} left out: their times go backwards")
        self.notes += self._lost()

    def abandon(self) -> None:
        """Lets go of the file."""
        if self.encoder is not None:
            self.new.close()

    def _look(self, frame):
        """What the first frame says of the film."""
        from gandeblur.inference.film_colour import told

        context = self.film.stream.codec_context
        colour = told(frame, context)
        matrix = next((one.side_data["DISPLAYMATRIX"] for one in [frame] if "DISPLAYMATRIX" in _kinds(one)), None)
        self.matrix = bytes(matrix) if matrix is not None else None
        how = turn(self.matrix) if self.matrix else (False, False, False)
        self.how = how or (False, False, False)
        self.matrix = None if how else self.matrix
        self._colour = colour
        self.converter = Converter(colour, colour)

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
        self.converter = Converter(colour, written)
        self.alpha = any(part.is_alpha for part in chosen.components)
        self.new = av.open(str(self.temporary.absolute()), "w", self.format, container_options=self._options())
        try:
            self.new.metadata.update(kept(old.metadata))
            if chapters := old.chapters():
                self.new.set_chapters(chapters)
            for one in old.streams:
                if one is stream:
                    self.encoder = self._encoder(written, frame)
                elif copied := self._copied(one):
                    self._copies[one.index] = copied
            self.new.start_encoding()
        except BaseException:
            self.encoder = None
            raise
        self.time_base = self._time_base()
        self.notes += [*colour.notes, *film.notes, *self.choice.notes, *lost_side_data(frame, stream, colour)]
        waiting, self._waiting = self._waiting, []
        for packet in waiting:
            self.copy(packet)

    def _options(self):
        if self.format in film_codecs.QUICKTIME:
            keys = {key.split("-")[0] for key in kept(self.film.container.metadata)}
            plain = PLAIN_KEYS.get(self.format, PLAIN_KEYS["mp4"]).split()
            tags = "+use_metadata_tags" if keys - set(plain) else ""
            return {"movflags": f"+faststart{tags}"}
        if self.format == "mpegts":
            return {"mpegts_m2ts_mode": "1" if self.suffix in (".mts", ".m2ts") else "0", "mpegts_copyts": "1"}
        return {}

    def _time_base(self):
        stream = self.film.stream
        if self.format == "avi":  # counts frames
            return 1 / self.film.rate
        return stream.time_base

    def _encoder(self, colour, frame):
        """The film's new stream."""
        stream, choice = self.film.stream, self.choice
        rate = self.film.rate
        options = choice.options | light(frame, choice.encoder)
        encoder = self.new.add_stream(choice.encoder, rate=rate, time_base=self._time_base(), options=options)
        encoder.width, encoder.height = choice.size
        encoder.pix_fmt = choice.pix_fmt
        context = encoder.codec_context
        context.gop_size = max(1, int(KEYS_SECONDS * min(rate, 1000)))
        context.color_range = colour.range
        context.colorspace = colour.matrix
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        if aspect := stream.sample_aspect_ratio:
            context.sample_aspect_ratio = 1 / aspect if self.how[0] else aspect
        if choice.encoder == film_codecs.H265 and self.format in film_codecs.QUICKTIME:
            context.codec_tag = "hvc1"  # QuickTime plays no other
        if choice.encoder == "mjpeg":
            context.qmin = context.qmax = 2
        if self.format in ("avi", "flv"):  # AVI has no times for frames that are shown later than those behind them
            context.max_b_frames = 0
        if self.matrix:
            encoder.set_display_matrix(np.frombuffer(self.matrix, np.int32))
        encoder.metadata.update(kept(stream.metadata, OLD_KEYS))
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
            stay = self._stays.pop(round(packet.pts * packet.time_base / self.time_base), 0)
            if stay:
                packet.duration = round(stay * self.time_base / packet.time_base)
            self.new.mux(packet)

    def _note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def _lost(self):
        """What the new file, read again, lacks of what the old one says."""
        import av

        old = self.film.container
        with av.open(str(self.temporary.absolute()), metadata_errors="replace") as new:
            lost = [key for key in kept(old.metadata) if key.lower() not in {one.lower() for one in new.metadata}]
            said = [f"{self.suffix} does not hold: {', '.join(lost)}"] if lost else []
            if len(new.chapters()) < len(old.chapters()):
                said.append(f"{self.suffix} does not hold chapters")
            places = [index for index in range(len(old.streams)) if index in self._copies or index == self._place]
            for place, copy in zip(places, new.streams, strict=False):
                language = old.streams[place].metadata.get("language", "und")
                if language != copy.metadata.get("language", "und"):
                    said.append(f"{self.suffix} does not hold the language of {named(old.streams[place])}")
        return said

    @property
    def _place(self):
        return self.film.stream.index


def _kinds(frame):
    return {one.type.name for one in frame.side_data}
