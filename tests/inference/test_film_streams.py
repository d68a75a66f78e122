"""The other streams of a film, its chapters, attachments and covers: copied, or named."""

import io
import struct
from fractions import Fraction

import films
import numpy as np
import pytest
from PIL import Image

from gandeblur.inference import film_streams, video

av = pytest.importorskip("av")


def packets(path, kind, number=0):
    with av.open(str(path)) as container:
        stream = [one for one in container.streams if one.type == kind][number]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "m4v"])
def test_all_sounds_are_copied_with_their_languages_and_marks(suffix, tmp_path):
    def second_is_default(container, stream):
        for number, sound in enumerate(container.streams.audio):
            sound.disposition = number

    path = films.write(
        tmp_path / f"a.{suffix}", films.moving(12), sounds=["ger", "eng"], prepare=second_is_default, tags=(1, 1, 1, 1)
    )
    report, target = films.restored(path)
    assert report == ((), "")
    old, new = films.read(path), films.read(target)
    assert new.streams == old.streams and new.dispositions == old.dispositions
    assert [language for kind, language in new.streams if kind == "audio"] == ["ger", "eng"]
    for number in range(2):
        assert packets(target, "audio", number) == packets(path, "audio", number)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_chapters_are_kept_and_named_where_they_cannot_be(suffix, tmp_path):
    def chapters(container, stream):
        one = {"time_base": Fraction(1, 1000)}
        container.set_chapters(
            [
                one | {"id": 0, "start": 0, "end": 200, "metadata": {"title": "Öne"}},
                one | {"id": 1, "start": 200, "end": 480, "metadata": {"title": "Two"}},
            ]
        )

    path = films.write(tmp_path / f"a.{suffix}", films.moving(12), prepare=chapters)
    report, target = films.restored(path)
    new = films.read(target)
    assert [one["metadata"]["title"] for one in new.chapters] == ["Öne", "Two"]
    assert [float(one["end"] * one["time_base"]) for one in new.chapters] == [0.2, 0.48]
    assert len(new.streams) == len(films.read(path).streams)
    report = video.restore_video(films.same, path, tmp_path / "b.ts")
    assert any("does not hold" in note and "chapters" in note for note in report.notes)


def test_data_are_copied_and_named_where_they_cannot_be(tmp_path):
    path = tmp_path / "a.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        data = container.add_data_stream("klv")
        for image in films.moving(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
        for number in range(3):
            packet = av.Packet(b"position %d" % number)
            packet.stream, packet.time_base = data, Fraction(1, 25)
            packet.pts = packet.dts = 4 * number
            container.mux(packet)
    _, target = films.restored(path)
    assert packets(target, "data") == [b"position 0", b"position 1", b"position 2"]
    report = video.restore_video(films.same, path, tmp_path / "a.mp4")
    assert "data track 1 left out: .mp4 does not hold klv" in report.notes


def add_subtitles(source, target, codec, text):
    """Copies a film and adds a subtitle track, deu, of one packet."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        copies = {one.index: new.add_stream_from_template(one, opaque=True) for one in old.streams}
        titles = new.add_mux_stream(codec, time_base=Fraction(1, 1000))
        titles.metadata["language"] = "deu"
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
        packet = av.Packet(text)
        packet.stream, packet.time_base = titles, Fraction(1, 1000)
        packet.pts = packet.dts = 100
        packet.duration = 200
        new.mux(packet)


@pytest.mark.parametrize("suffix, codec, text", [("mkv", "subrip", b"Hallo"), ("mp4", "mov_text", b"\0\5Hallo")])
def test_subtitles_are_copied(suffix, codec, text, tmp_path):
    plain = films.write(tmp_path / f"plain.{suffix}", films.moving(12))
    add_subtitles(plain, tmp_path / f"a.{suffix}", codec, text)
    _, target = films.restored(tmp_path / f"a.{suffix}")
    assert ("subtitle", "deu") in [
        (kind, "deu" if language == "deu" else "") for kind, language in films.read(target).streams
    ]
    assert text in packets(target, "subtitle")


def test_what_a_container_does_not_hold_is_named(tmp_path):
    plain = films.write(tmp_path / "plain.mkv", films.moving(12), sounds=["deu"], sound_codec="libopus")
    add_subtitles(plain, tmp_path / "a.mkv", "subrip", b"Hallo")
    report = video.restore_video(films.same, tmp_path / "a.mkv", tmp_path / "a.3gp")
    assert any("subtitle track 1 (deu) left out: .3gp does not hold" in note for note in report.notes)
    assert any("sound track 1 left out: .3gp does not hold opus" in note for note in report.notes)


def test_attachments_and_covers_are_kept(tmp_path):

    art = io.BytesIO()
    Image.fromarray(films.patches()).save(art, "PNG")

    def attached(container, stream):
        container.add_attachment("font.ttf", "application/x-truetype-font", b"a font")
        container.add_attachment("cover.png", "image/png", art.getvalue())

    path = films.write(tmp_path / "a.mkv", films.moving(4), prepare=attached)
    report, target = films.restored(path)
    assert len(report.notes) == 1 and "not tagged" in report.notes[0]
    assert len(films.read(target).frames) == 4
    with av.open(str(target)) as container:
        assert [(one.name, one.mimetype, one.data) for one in container.streams.attachments] == [
            ("font.ttf", "application/x-truetype-font", b"a font")
        ]
        cover = next(one for one in container.streams.video if one.disposition & 1024)
        assert cover.metadata["filename"] == "cover.png"
        assert next(bytes(packet) for packet in container.demux(cover)) == art.getvalue()


def atom(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def test_a_cover_of_itunes_is_kept_and_is_not_the_film(tmp_path):

    path = films.write(tmp_path / "film.m4v", films.moving(12))
    data, art = bytearray(path.read_bytes()), io.BytesIO()
    Image.fromarray(films.patches(40, 40)).save(art, "JPEG")
    covr = atom(b"covr", atom(b"data", struct.pack(">II", 13, 0), art.getvalue()))
    meta = atom(b"meta", bytes(4), atom(b"hdlr", bytes(8), b"mdirappl", bytes(9)), atom(b"ilst", covr))
    moov = data.rindex(b"moov") - 4
    at = moov + 8 + int.from_bytes(data[moov + 8 : moov + 12], "big")
    data[at:at] = atom(b"udta", meta)
    data[moov : moov + 4] = (len(data) - moov).to_bytes(4, "big")
    path.write_bytes(data)
    assert len(films.read(path).streams) == 2
    report, target = films.restored(path)
    new = films.read(target)
    assert len(new.frames) == 12 and new.size == (64, 48) and 1024 in new.dispositions


def test_sound_that_matroska_does_not_hold_becomes_flac_in_step(tmp_path):
    path = films.write(tmp_path / "a.wmv", films.moving(12), "wmv2", sounds=["deu"], sound_codec="wmav2")
    report, target = films.restored(path)
    assert any("FLAC in place of wmav2" in note for note in report.notes)

    def sound(file):
        with av.open(str(file)) as container:
            start = next(container.decode(video=0)).time
            container.seek(0)
            frames = list(container.decode(audio=0))
        resampler = av.AudioResampler("s16", "mono", 48000)
        parts = [one.to_ndarray() for frame in [*frames, None] for one in resampler.resample(frame)]
        return float(frames[0].time - start), np.concatenate(parts, axis=1)[0].astype(int)

    (began, old), (begins, new) = sound(path), sound(target)
    assert begins == pytest.approx(began, abs=0.002)
    assert len(old) == len(new) and np.abs(old - new).max() <= 1


def test_sound_whose_times_do_not_go_on_is_kept(tmp_path):
    """As FFmpeg's own fragmented MP4 has it: two packets of one time, and then a gap."""
    plain = films.write(tmp_path / "plain.mkv", films.moving(12), sounds=["deu"])
    with av.open(str(plain)) as old, av.open(str(tmp_path / "a.mkv"), "w") as new:
        copies = {one.index: new.add_stream_from_template(one, opaque=True) for one in old.streams}
        for number, packet in enumerate(one for one in old.demux() if one.size):
            if packet.stream.type == "audio" and number % 2:
                packet.dts = packet.pts = packet.pts - packet.pts % 43
            packet.stream = copies[packet.stream.index]
            new.mux(packet)
    report = video.restore_video(films.same, tmp_path / "a.mkv", tmp_path / "a.mp4")
    assert packets(tmp_path / "a.mp4", "audio") == packets(plain, "audio")
    assert any("times go backwards" in note and "moved" in note for note in report.notes)


def test_streams_are_named_in_words(tmp_path):
    path = films.write(tmp_path / "a.mkv", films.moving(2), sounds=["deu", "und"])
    with av.open(str(path)) as container:
        assert [film_streams.named(one) for one in container.streams] == [
            "picture track 1",
            "sound track 1 (deu)",
            "sound track 2",
        ]


def write_captions(path):
    """H.264 in MPEG-TS with captions (CTA-708 in ATSC A/53's SEI message) before each frame."""
    pair = b"\xfc\x94\x20"
    message = b"\xb5\x00\x31GA94\x03\xc1\xff" + pair + b"\xff"
    unit = b"\0\0\0\1\x06\x04" + bytes([len(message)]) + message + b"\x80"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        coded = [one for image in films.moving(12) for one in stream.encode(av.VideoFrame.from_ndarray(image, "rgb24"))]
        for old in coded + stream.encode(None):
            packet = av.Packet(unit + bytes(old))
            packet.stream, packet.time_base, packet.is_keyframe = stream, old.time_base, old.is_keyframe
            packet.pts, packet.dts, packet.duration = old.pts, old.dts, old.duration
            container.mux(packet)
    return pair


def test_captions_within_h264_are_kept_and_else_named(tmp_path):
    pair = write_captions(tmp_path / "a.ts")
    assert films.read(tmp_path / "a.ts").side_data["A53_CC"] == pair
    report, target = films.restored(tmp_path / "a.ts")
    assert films.read(target).side_data["A53_CC"] == pair
    assert not any("captions" in note for note in report.notes)
    report = video.restore_video(films.same, tmp_path / "a.ts", tmp_path / "a.webm")
    assert "left out: captions within the pictures" in report.notes
