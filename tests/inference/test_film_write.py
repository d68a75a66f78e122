import struct
from fractions import Fraction

import films
import numpy as np
import pytest

from gandeblur.errors import InputError
from gandeblur.inference import film_codecs, film_streams, video

av = pytest.importorskip("av")


def restored(path, restore=films.same, name=None):
    """(report, path of the new film)."""
    target = video.target(path.parent / "out" / (name or path.name))
    target.parent.mkdir(exist_ok=True)
    return video.restore_video(restore, path, target), target


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
    report, target = restored(path)
    assert report == ((), "")
    old, new = films.read(path), films.read(target)
    assert new.streams == old.streams and new.dispositions == old.dispositions
    assert [language for kind, language in new.streams if kind == "audio"] == ["ger", "eng"]
    for number in range(2):
        assert packets(target, "audio", number) == packets(path, "audio", number)


@pytest.mark.parametrize(
    "suffix, keys",
    [
        ("mp4", ["title", "artist", "comment", "creation_time", "location"]),
        ("mp4", ["title", "creation_time", "location", "make", "model", "com.android.version"]),
        ("mov", ["title", "creation_time", "location", "make", "model"]),
        ("mov", ["creation_time", "com.apple.quicktime.location.ISO6709", "com.apple.quicktime.make"]),
        ("mkv", ["title", "creation_time", "location", "make", "anything"]),
        ("avi", ["title", "artist", "comment"]),
        ("flv", ["title", "artist"]),
    ],
)
def test_metadata_are_kept(suffix, keys, tmp_path):
    values = {"creation_time": "2024-05-06T07:08:09.000000Z", "location": "+48.2000+016.3700/"}
    values |= {"com.apple.quicktime.location.ISO6709": "+47.3000+008.5500+410.000/"}
    metadata = {key: values.get(key, f"Ü {key}") for key in keys}
    flags = {"movflags": "use_metadata_tags"} if suffix in ("mp4", "mov") else {}
    path = films.write(tmp_path / f"a.{suffix}", films.moving(2), metadata=metadata, container_options=flags)
    report, target = restored(path)
    found = {key.lower(): value for key, value in films.read(target).metadata.items()}
    assert {key: found.get(key.lower()) for key in keys} == metadata
    assert not any("does not hold" in note for note in report.notes)


def test_metadata_that_a_container_does_not_hold_are_named(tmp_path):
    path = films.write(tmp_path / "a.mkv", films.moving(12), metadata={"title": "Here", "model": "X"})
    report = video.restore_video(films.same, path, tmp_path / "a.ts")
    assert ".ts does not hold metadata title, metadata model" in [
        note.lower().replace(".TS", ".ts") for note in report.notes
    ]


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
    report, target = restored(path)
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
    _, target = restored(path)
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
    _, target = restored(tmp_path / f"a.{suffix}")
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
    import io

    from PIL import Image

    art = io.BytesIO()
    Image.fromarray(films.patches()).save(art, "PNG")

    def attached(container, stream):
        container.add_attachment("font.ttf", "application/x-truetype-font", b"a font")
        container.add_attachment("cover.png", "image/png", art.getvalue())

    path = films.write(tmp_path / "a.mkv", films.moving(4), prepare=attached)
    report, target = restored(path)
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
    import io

    from PIL import Image

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
    report, target = restored(path)
    new = films.read(target)
    assert len(new.frames) == 12 and new.size == (64, 48) and 1024 in new.dispositions


@pytest.mark.parametrize(
    "codec, pix_fmt, size, suffix",
    [
        ("libx264", "yuv444p", (181, 321), "mp4"),
        ("libx264", "yuv422p", (181, 320), "mp4"),
        ("ffv1", "yuv420p", (181, 321), "mkv"),
        ("ffv1", "bgr0", (33, 47), "mkv"),
        ("libvpx-vp9", "yuv420p", (181, 321), "webm"),
        ("mjpeg", "yuvj420p", (181, 321), "avi"),
        ("mjpeg", "yuvj422p", (181, 321), "mov"),
        ("png", "rgb24", (31, 33), "mov"),
    ],
)
def test_odd_sizes_stay_where_the_codec_holds_them(codec, pix_fmt, size, suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", [np.resize(films.patches(), (*size, 3))] * 2, codec, pix_fmt)
    report, target = restored(path)
    old, new = films.read(path), films.read(target)
    assert new.size == old.size == size[::-1]
    assert (new.codec, new.pix_fmt) == (old.codec, old.pix_fmt)
    assert not any("became" in note for note in report.notes)


def test_an_odd_size_that_the_new_codec_does_not_hold_is_said(tmp_path):
    path = films.write(tmp_path / "a.avi", [np.zeros((33, 47, 3), np.uint8)] * 2, "mpeg4")
    report, target = restored(path)
    assert films.read(target).size == (46, 32)
    assert "47x33 became 46x32: H.264 has even sides here" in report.notes
    assert "H.264 in place of mpeg4" in report.notes


def clear(count=4):
    ramp = np.linspace(0, 255, 64).round().astype(np.uint8)[None].repeat(48, 0)
    return [np.dstack([image, ramp]) for image in films.moving(count)]


@pytest.mark.parametrize(
    "codec, pix_fmt, suffix",
    [("qtrle", "argb", "mov"), ("prores_ks", "yuva444p10le", "mov"), ("ffv1", "bgra", "mkv"), ("png", "rgba", "mov")],
)
def test_transparency_stays(codec, pix_fmt, suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for image in clear():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgba").reformat(format=pix_fmt)))
        container.mux(stream.encode(None))
    _, target = restored(path)
    new = films.read(target)
    alpha = new.frames[0].to_ndarray(format="rgba")[..., 3]
    assert new.codec == films.read(path).codec
    assert np.abs(alpha.astype(int) - clear()[0][..., 3]).max() <= 2


def alpha_of(path):
    """The alpha of a WebM file, which only libvpx decodes."""
    decoder = av.CodecContext.create("libvpx-vp9", "r")
    with av.open(str(path)) as container:
        frames = [one for packet in container.demux(video=0) for one in decoder.decode(packet)]
    return frames[0].format.name, films.stored(frames[0])[3]


def test_transparency_of_webm_stays(tmp_path):
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25, options={"auto-alt-ref": "0", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for image in clear():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgba").reformat(format="yuva420p")))
        container.mux(stream.encode(None))
    _, target = restored(path)
    name, alpha = alpha_of(target)
    assert name == "yuva420p" and np.abs(alpha.astype(int) - clear()[0][..., 3]).mean() < 3


def test_transparency_that_a_container_does_not_hold_is_named(tmp_path):
    path = tmp_path / "a.mov"
    films.write(path, [films.patches()] * 2, "qtrle", "argb")
    report = video.restore_video(films.same, path, tmp_path / "a.mp4")
    assert "transparency left out, colours as they lie below it" in report.notes


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "m4v", "ts", "avi"])
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(64, 45), Fraction(16, 15), Fraction(32, 27)])
def test_the_pixels_aspect_stays(aspect, suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(4), aspect=aspect)
    report, target = restored(path)
    assert films.read(target).aspect == films.read(path).aspect == aspect
    assert not any("does not hold" in note for note in report.notes)


def test_an_aspect_that_matroska_cannot_be_told_is_named(tmp_path):
    path = films.write(tmp_path / "a.mov", films.moving(2), "png", "rgb24", aspect=Fraction(4, 3))
    report = video.restore_video(films.same, path, tmp_path / "a.mkv")
    assert ".mkv does not hold pixels of 4/3 to 1 for FFV1" in report.notes


@pytest.mark.parametrize(
    "suffix, codec, sound, written",
    [
        ("mts", "libx264", "ac3", ".mts"),
        ("m2ts", "libx264", "ac3", ".m2ts"),
        ("ts", "mpeg2video", "mp2", ".ts"),
        ("mpg", "mpeg2video", "mp2", ".mkv"),
        ("3gp", "mpeg4", "aac", ".3gp"),
        ("wmv", "wmv2", "wmav2", ".mkv"),
        ("flv", "flv", "aac", ".flv"),
        ("vob", "mpeg2video", "ac3", ".mkv"),
    ],
)
def test_other_kinds_of_films_are_films(suffix, codec, sound, written, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(12, 96, 128), codec, sounds=["deu"], sound_codec=sound)
    assert path.suffix in video.SUFFIXES
    report, target = restored(path)
    old, new = films.read(path), films.read(target)
    assert target.suffix == written and report.damage == ""
    assert len(new.frames) == len(old.frames) == 12
    assert sorted(kind for kind, _ in new.streams) == sorted(kind for kind, _ in old.streams)
    assert new.codec == "h264"
    if codec != "libx264":
        assert any(note.startswith("H.264 in place of") for note in report.notes)
    assert np.diff(new.times).tolist() == pytest.approx(np.diff(old.times).tolist(), abs=1)


def test_ogg_films_are_films(tmp_path):
    path = tmp_path / "a.ogv"
    with av.open(str(path), "w", "ogg") as container:
        stream = container.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for image in films.moving(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode(None))
    report, target = restored(path)
    assert target.suffix == ".mkv" and len(films.read(target).frames) == 6 and report.damage == ""


def test_sound_that_matroska_does_not_hold_becomes_flac_in_step(tmp_path):
    path = films.write(tmp_path / "a.wmv", films.moving(12), "wmv2", sounds=["deu"], sound_codec="wmav2")
    report, target = restored(path)
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


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "webm"])
def test_key_frames_come_every_two_seconds_at_most(suffix, tmp_path):
    times = [*range(0, 7000, 100), 9500, 9600, 15000]
    codec = "libvpx-vp9" if suffix == "webm" else "libx264"
    path = films.write(tmp_path / f"a.{suffix}", [films.patches()] * len(times), codec, times=times)
    _, target = restored(path)
    with av.open(str(target)) as container:
        keys = [float(one.pts * one.time_base) for one in container.demux(video=0) if one.size and one.is_keyframe]
    assert np.diff([one for one in keys if one < 7]).max() <= 2.001
    assert {0.0, 2.0, 4.0, 6.0} <= {round(one, 3) for one in keys}


@pytest.mark.parametrize("suffix", ["mp4", "mov", "m4v", "3gp"])
def test_the_index_comes_first_for_the_web(suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(4))
    _, target = restored(path)
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_timecode_and_hevc_tag_of_quicktime_are_kept(tmp_path):
    def timecode(container, stream):
        stream.metadata["timecode"] = "01:02:03:04"

    path = films.write(
        tmp_path / "a.mov",
        films.moving(4),
        "libx265",
        options={"x265-params": "bframes=0:log-level=error"},
        prepare=timecode,
    )
    report, target = restored(path)
    with av.open(str(target)) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:02:03:04"
        assert sum(one.type == "data" for one in container.streams) == 1
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_hevc_films_of_few_frames_are_written(count, tmp_path):
    path = films.write(
        tmp_path / "a.mp4", films.moving(count), "libx265", options={"x265-params": "bframes=0:log-level=error"}
    )
    _, target = restored(path)
    assert films.read(target).times == films.read(path).times


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_start_times_stay_in_step(suffix, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(6), times=[300, 340, 380, 420, 460, 500], sounds=["deu"])
    _, target = restored(path)
    with av.open(str(path)) as old, av.open(str(target)) as new:
        starts = [[float(next(box.decode(one)).time) for one in (box.streams.video[0],)] for box in (old, new)]
    assert starts[0] == [0.3]
    assert starts[1] == pytest.approx(starts[0], abs=0.001)


def test_sizes_that_change_are_fitted_and_it_is_said(tmp_path):
    path = tmp_path / "a.ts"
    parts = [films.write(tmp_path / f"{number}.ts", films.moving(6, 48 * number, 64 * number)) for number in (1, 2)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    report, target = restored(path)
    assert "frames of another size than the first were fitted to it" in report.notes
    assert {(one.width, one.height) for one in films.read(target).frames} == {(64, 48)}


def test_suffixes_and_choices(tmp_path):
    assert {
        ".mts",
        ".m2ts",
        ".ts",
        ".mpg",
        ".3gp",
        ".wmv",
        ".flv",
        ".ogv",
        ".mp4",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".m4v",
    } <= set(video.SUFFIXES)
    with pytest.raises(InputError, match=r"\.wmv: films are not written so"):
        film_codecs.container_of(".wmv")
    for suffix, container in film_codecs.CONTAINERS.items():
        assert container in film_codecs.ENCODERS, suffix

    def choice(container, codec, pix_fmt, size=(64, 48)):
        return film_codecs.choose(container, codec, av.VideoFormat(pix_fmt), size, False)

    assert (choice("webm", "vp9", "yuv420p10le").encoder, choice("webm", "vp9", "yuv420p10le").pix_fmt) == (
        "libsvtav1",
        "yuv420p10le",
    )
    assert choice("matroska", "dvvideo", "yuv411p").pix_fmt == "yuv422p"
    assert choice("avi", "huffyuv", "yuv422p").encoder == "ffv1"
    assert choice("mov", "v210", "yuv422p10le").encoder == "prores_ks"
    assert choice("mov", "rawvideo", "rgb24").encoder == "png"
    assert choice("3gp", "hevc", "yuv420p10le").pix_fmt == "yuv420p10le"
    assert "chroma became yuv420p10le" in choice("webm", "av1", "yuv422p10le").notes
    with pytest.raises(InputError, match="0x0 are too small"):
        choice("3gp", "h264", "yuv420p", (1, 1)) if False else film_codecs.choose(
            "webm", "av1", av.VideoFormat("yuv420p10le"), (0, 0), False
        )


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
    report, target = restored(tmp_path / "a.ts")
    assert films.read(target).side_data["A53_CC"] == pair
    assert not any("captions" in note for note in report.notes)
    report = video.restore_video(films.same, tmp_path / "a.ts", tmp_path / "a.webm")
    assert "left out: captions within the pictures" in report.notes
