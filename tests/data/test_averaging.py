import numpy as np
import pytest
from folders import files, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gandeblur.data.averaging import Summary, build_pairs
from gandeblur.data.images import read_image
from gandeblur.errors import InputError

VARIANTS = pytest.mark.parametrize(("gamma", "variant"), [(2.2, "blur_gamma"), (None, "blur")])


def middles(folder):
    return [int(path.stem) for path in sorted(folder.iterdir())]


def windows(folder, first=1):
    """The windows, as (first frame, size), that the numbers of the middle frames tell."""
    result = []
    for middle in middles(folder):
        start = sum(result[-1]) if result else first
        result.append((start, 2 * (middle - start) + 1))
    return result


@VARIANTS
def test_a_still_scene_comes_out_as_it_is(tmp_path, sequence, gamma, variant):
    still = np.arange(256, dtype=np.uint8).reshape(16, 16, 1) + np.array([0, 60, 200], np.uint8)
    folder, _ = sequence(frames=np.stack([still] * 13))
    build_pairs(folder, tmp_path / "out", window=(13, 13), gamma=gamma)
    np.testing.assert_array_equal(read_image(tmp_path / "out/train/scene" / variant / "000007.png"), still)


@pytest.mark.parametrize("gamma", [0.01, 0.5, 100.0])
def test_a_still_scene_comes_out_as_it_is_for_any_gamma(tmp_path, sequence, gamma):
    still = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    folder, _ = sequence(frames=np.stack([still] * 7))
    build_pairs(folder, tmp_path / "out", window=(7, 7), gamma=gamma)
    np.testing.assert_array_equal(read_image(tmp_path / "out/train/scene/blur_gamma/000004.png"), still)


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [
        (None, (3 * 200 + 4 * 10) / 7),
        (2.2, ((3 * 200**2.2 + 4 * 10**2.2) / 7) ** (1 / 2.2)),
        (1.0, (3 * 200 + 4 * 10) / 7),
        (3.0, ((3 * 200**3 + 4 * 10**3) / 7) ** (1 / 3)),
    ],
)
def test_two_levels_have_the_mean_of_the_closed_form(tmp_path, sequence, gamma, expected):
    levels = np.array([200, 10, 10, 200, 10, 200, 10], np.uint8)
    folder, _ = sequence(frames=np.broadcast_to(levels[:, None, None, None], (7, 4, 5, 3)))
    assert build_pairs(folder, tmp_path / "out", window=(7, 7), gamma=gamma) == Summary(1, 0, 0)
    variant = "blur" if gamma is None else "blur_gamma"
    assert (read_image(tmp_path / "out/train/scene" / variant / "000004.png") == round(expected)).all()
    assert (read_image(tmp_path / "out/train/scene/sharp/000004.png") == 200).all()


@VARIANTS
def test_each_pair_is_a_window_s_mean_and_its_middle_frame(tmp_path, sequence, gamma, variant):
    folder, frames = sequence(first=101)
    build_pairs(folder, tmp_path / "out", gamma=gamma, split="test")
    out = tmp_path / "out/test/scene"
    found = windows(out / "sharp", first=101)
    assert len(found) >= 3 and middles(out / variant) == middles(out / "sharp")
    exponent = gamma or 1
    for start, size in found:
        name, window = f"{start + size // 2:06}.png", frames[start - 101 : start - 101 + size]
        mean = np.mean(window.astype(np.float64) ** exponent, axis=0) ** (1 / exponent)
        np.testing.assert_array_equal(read_image(out / variant / name), np.rint(mean))
        np.testing.assert_array_equal(read_image(out / "sharp" / name), window[size // 2])


def test_windows_are_odd_in_range_of_all_sizes_and_follow_each_other(tmp_path, sequence):
    folder, frames = sequence(frames=400, height=1, width=1)
    summary = build_pairs(folder, tmp_path / "out")
    found = windows(tmp_path / "out/train/scene/sharp")
    assert {size for _, size in found} == {7, 9, 11, 13}
    assert summary == Summary(len(found), 0, len(frames) + 1 - sum(found[-1]))
    assert summary.left_over < 13
    assert str(summary) == f"{len(found)} pairs written, 0 already there, {summary.left_over} frames left over"


def test_windows_depend_on_seed_and_name_and_not_on_later_frames(tmp_path, sequence):
    folder, frames = sequence(frames=150, height=1, width=1)
    other, _ = sequence("other", frames=frames)
    shorter, _ = sequence("part/scene", frames=frames[:100])

    def numbers(folder, seed):
        out = tmp_path / f"out-{folder.parent.name}-{seed}"
        build_pairs(folder, out, seed=seed)
        return middles(out / "train" / folder.name / "sharp")

    first = numbers(folder, 0)
    assert first[: len(numbers(shorter, 0))] == numbers(shorter, 0)
    assert first != numbers(folder, 1)
    assert first != numbers(other, 0)


@given(low=st.integers(1, 9), extra=st.integers(0, 4))
@settings(max_examples=15, deadline=None)
def test_a_range_means_the_odd_numbers_in_it(tmp_path_factory, low, extra):
    folder = tmp_path_factory.mktemp("scene")
    for number in range(1, 61):
        Image.new("RGB", (1, 1)).save(folder / f"{number}.bmp")
    odd = [size for size in range(low, low + extra + 1) if size % 2]
    out = tmp_path_factory.mktemp("out")
    if odd:
        build_pairs(folder, out, window=(low, low + extra))
        assert {size for _, size in windows(out / "train" / folder.name / "sharp")} <= set(odd)
    else:
        with pytest.raises(InputError, match=f"--window={low}-{low}: holds no odd number"):
            build_pairs(folder, out, window=(low, low + extra))


@pytest.mark.parametrize("window", [(0, 7), (-3, 3), (8, 8), (9, 7)])
def test_windows_without_an_odd_size_are_refused(tmp_path, sequence, window):
    with pytest.raises(InputError, match="--window=.*: holds no odd number"):
        build_pairs(sequence()[0], tmp_path / "out", window=window)


@pytest.mark.parametrize("gamma", [0.0, -2.2, float("nan"), float("inf")])
def test_gamma_must_be_positive_and_finite(tmp_path, sequence, gamma):
    with pytest.raises(InputError, match="--gamma=.*: is no number from"):
        build_pairs(sequence()[0], tmp_path / "out", gamma=gamma)


def test_frames_are_in_numeric_order(tmp_path, write_image):
    pixels = {number: write_image(f"scene/frame-{number}.png")[1] for number in range(8, 15)}
    build_pairs(tmp_path / "scene", tmp_path / "out", window=(7, 7), gamma=None)
    np.testing.assert_array_equal(read_image(tmp_path / "out/train/scene/sharp/000011.png"), pixels[11])
    mean = np.mean(list(pixels.values()), axis=0)
    np.testing.assert_array_equal(read_image(tmp_path / "out/train/scene/blur/000011.png"), np.rint(mean))


def test_frames_without_a_number_at_the_end_are_counted_from_one(tmp_path, write_image):
    pixels = {number: write_image(f"scene/{number}-left.png")[1] for number in range(8, 15)}
    build_pairs(tmp_path / "scene", tmp_path / "out", window=(7, 7))
    np.testing.assert_array_equal(read_image(tmp_path / "out/train/scene/sharp/000004.png"), pixels[11])


def test_each_sub_folder_is_a_sequence_and_hidden_files_are_none(tmp_path, sequence):
    first, _ = sequence("a", frames=20)
    sequence("b", frames=20)
    (first.parent / ".cache").mkdir()
    (first / "._000003.png").touch()
    (first / "notes.txt").touch()
    together = build_pairs(first.parent, tmp_path / "together", window=(7, 7))
    assert together == Summary(4, 0, 12)
    assert build_pairs(first, tmp_path / "alone", window=(7, 7)) == Summary(2, 0, 6)
    alone = {name: path.read_bytes() for name, path in files(tmp_path / "alone").items()}
    both = {name: path.read_bytes() for name, path in files(tmp_path / "together").items()}
    assert len(both) == 8 and alone.items() <= both.items()


def test_a_second_run_writes_nothing(tmp_path, sequence, capfd):
    folder, _ = sequence()
    first = build_pairs(folder, tmp_path / "out")
    before = snapshot(tmp_path / "out")
    assert build_pairs(folder, tmp_path / "out") == Summary(0, first.written, first.left_over)
    assert snapshot(tmp_path / "out") == before
    assert capfd.readouterr().err == ""  # no progress bar but on a terminal


@pytest.mark.parametrize("part", ["sharp", "blur_gamma"])
def test_a_second_run_writes_what_is_missing(tmp_path, sequence, part):
    folder, _ = sequence()
    first = build_pairs(folder, tmp_path / "out")
    before = snapshot(tmp_path / "out")
    lost = sorted((tmp_path / "out/train/scene" / part).iterdir())[1]
    lost.unlink()
    assert build_pairs(folder, tmp_path / "out") == Summary(1, first.written - 1, first.left_over)
    name = lost.relative_to(tmp_path / "out").as_posix()
    after = snapshot(tmp_path / "out")
    assert after.pop(name)[0] == before.pop(name)[0]
    assert after == before


def test_more_frames_add_pairs(tmp_path, sequence):
    folder, frames = sequence(frames=30)
    build_pairs(folder, tmp_path / "out", window=(7, 7))
    Image.fromarray(frames[0]).save(folder / "000031.png")
    before = snapshot(tmp_path / "out")
    for number in range(32, 36):
        Image.fromarray(frames[1]).save(folder / f"{number:06}.png")
    assert build_pairs(folder, tmp_path / "out", window=(7, 7)) == Summary(1, 4, 0)
    assert before.items() < snapshot(tmp_path / "out").items()


def test_both_variants_share_the_sharp_images(tmp_path, sequence):
    folder, _ = sequence()
    first = build_pairs(folder, tmp_path / "out", gamma=None)
    before = snapshot(tmp_path / "out")
    assert build_pairs(folder, tmp_path / "out", gamma=2.2).written == first.written
    after = snapshot(tmp_path / "out")
    assert before.items() < after.items() and len(after) == 3 * first.written


@VARIANTS
def test_noise_falls_on_each_frame_before_the_mean(tmp_path, sequence, gamma, variant):
    """Of eleven grey frames the mean has an eleventh of the variance, and the middle frame all of it."""
    folder, _ = sequence(frames=np.full((11, 60, 80, 3), 128, np.uint8))
    build_pairs(folder, tmp_path / "out", window=(11, 11), gamma=gamma, noise=0.001)
    blurred, sharp = (read_image(tmp_path / f"out/train/scene/{kind}/000006.png") / 255 for kind in (variant, "sharp"))
    rounding = 1 / 12 / 255**2
    assert np.var(sharp) == pytest.approx(0.001 + rounding, rel=0.05)
    assert np.var(blurred) == pytest.approx(0.001 / 11 + rounding, rel=0.1)
    assert np.mean(blurred) == pytest.approx(128 / 255, abs=0.003)
    # Of the middle frame's own noise the mean holds an eleventh.
    held = np.mean((blurred - blurred.mean()) * (sharp - sharp.mean()))
    assert held == pytest.approx(0.001 / 11, rel=0.25)
    assert build_pairs(folder, tmp_path / "out", window=(11, 11), gamma=gamma, noise=0.001) == Summary(0, 1, 0)
    with pytest.raises(InputError, match="has other pixels"):
        build_pairs(folder, tmp_path / "out", window=(11, 11), gamma=gamma)


def test_a_frames_noise_is_its_own(tmp_path, sequence):
    folder, _ = sequence(frames=np.full((6, 20, 20, 3), 128, np.uint8))
    build_pairs(folder, tmp_path / "ones", window=(1, 1), gamma=None, noise=0.01)
    build_pairs(folder, tmp_path / "threes", window=(3, 3), gamma=None, noise=0.01)
    ones = [read_image(tmp_path / f"ones/train/scene/sharp/{number:06}.png") for number in range(1, 7)]
    assert len({frame.tobytes() for frame in ones}) == 6
    np.testing.assert_array_equal(read_image(tmp_path / "threes/train/scene/sharp/000005.png"), ones[4])
    with pytest.raises(InputError, match="--noise=1.5: is no variance from 0 to 1"):
        build_pairs(folder, tmp_path / "much", noise=1.5)
