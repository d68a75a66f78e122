import films
import pytest

from gandeblur.inference.film_whole import missing_bytes

pytest.importorskip("av")


@pytest.mark.parametrize(
    "suffix, codec, options",
    [
        ("mp4", "libx264", {}),
        ("mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("mp4", "libx264", {"movflags": "faststart"}),
        ("mov", "libx264", {}),
        ("mkv", "libx264", {}),
        ("webm", "libvpx", {}),
        ("avi", "mpeg4", {}),
        ("wmv", "wmv2", {}),
        ("flv", "libx264", {}),
        ("ts", "libx264", {}),
        ("m2ts", "libx264", {"mpegts_m2ts_mode": "1"}),
        ("mpg", "mpeg2video", {}),
        ("vob", "mpeg1video", {}),
    ],
)
def test_every_kind_that_states_its_length_is_known_to_be_cut(suffix, codec, options, tmp_path):
    path = films.write(tmp_path / f"a.{suffix}", films.moving(6), codec, container_options=options)
    data = path.read_bytes()
    assert missing_bytes(path) == 0
    for lacking in (1, 5, 100):
        path.write_bytes(data[:-lacking])
        assert missing_bytes(path) >= 1


def test_what_follows_the_film_and_films_that_were_sent_live_are_whole(tmp_path):
    path = films.write(tmp_path / "a.mp4", films.moving(6))
    path.write_bytes(path.read_bytes() + b"\0\0\0\x10freeanything")
    assert missing_bytes(path) == 0
    path.write_bytes(path.read_bytes() + b"\0\0\0\0mdat" + bytes(9))  # a box up to the end
    assert missing_bytes(path) == 0
    path = films.write(tmp_path / "a.mkv", films.moving(6), container_options={"live": "1"})
    path.write_bytes(path.read_bytes()[:-9])
    assert missing_bytes(path) == 0
    (tmp_path / "a.ts").write_bytes(b"\x47" * 99)
    assert missing_bytes(tmp_path / "a.ts") == 0
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert missing_bytes(tmp_path / "empty.mp4") == 0


def test_a_film_of_flv_that_is_cut_between_two_tags_is_told_by_the_size_it_states(tmp_path):
    path = films.write(tmp_path / "a.flv", films.moving(6))
    data = path.read_bytes()
    last = int.from_bytes(data[-4:], "big") + 4
    path.write_bytes(data[:-last])
    assert missing_bytes(path) == last


def test_a_raw_dv_film_has_frames_of_one_size(tmp_path):
    for mark, size in ((0xBF, 144_000), (0x3F, 120_000)):
        frame = bytes((0x1F, 7, 0, mark)) + bytes(size - 4)
        (tmp_path / "a.dv").write_bytes(2 * frame)
        assert missing_bytes(tmp_path / "a.dv") == 0
        (tmp_path / "a.dv").write_bytes((2 * frame)[:-1000])
        assert missing_bytes(tmp_path / "a.dv") == 1000


def test_a_recording_that_begins_within_a_packet_is_whole_if_it_ends_with_one(tmp_path):
    path = films.write(tmp_path / "a.ts", films.moving(6))
    path.write_bytes(path.read_bytes()[70:])
    assert missing_bytes(path) == 0
