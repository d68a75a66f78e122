import csv

import numpy as np
import pytest
from PIL import Image

from gandeblur import cli
from gandeblur.evaluation import trajectories

SCENE = np.random.default_rng(5).integers(60, 240, (110, 130, 3), np.uint8)  # like nothing but itself


def window(top, left, height=64, width=80):
    return SCENE[top : top + height, left : left + width]


def by_hand(restored, frame, shift, factor):
    """PSNR where a picture, scaled, lies on a frame, moved by (down, right), both at least 0; zeros agree elsewhere."""
    luma = [image.astype(float) @ (0.299, 0.587, 0.114) for image in (factor * restored.astype(float), frame)]
    height, width = luma[0].shape
    ours, truth = luma[0][: height - shift[0], : width - shift[1]], luma[1][shift[0] :, shift[1] :]
    return 10 * np.log10(255**2 * height * width / np.sum((ours - truth) ** 2))


def test_a_picture_is_scaled_and_moved_onto_the_frame():
    """What is 3 lower and 5 further right in the frame, and darker there by a half."""
    frame = window(10, 20)
    restored = window(13, 25)
    ours, truth = trajectories.aligned((restored // 2).astype(np.uint8), frame)
    assert (ours[:3] == 0).all() and (ours[:, :5] == 0).all() and (truth[:3] == 0).all() and (truth[:, :5] == 0).all()
    z, x = (restored // 2).astype(float), frame.astype(float)
    factor = np.linalg.lstsq(z.reshape(-1, 1), x.reshape(-1), rcond=None)[0][0]
    np.testing.assert_allclose(ours[3:, 5:], factor * (z @ (0.299, 0.587, 0.114))[:-3, :-5])
    np.testing.assert_allclose(truth[3:, 5:], (x @ (0.299, 0.587, 0.114))[3:, 5:])
    psnr_db, _ = trajectories.score((restored // 2).astype(np.uint8), [frame])
    assert psnr_db == pytest.approx(by_hand(restored // 2, frame, (3, 5), factor))


@pytest.mark.parametrize("shift", [(-3, 5), (4, -2), (-1, -6), (0, 0)])
def test_every_direction(shift):
    frame, restored = window(10, 20), window(10 + shift[0], 20 + shift[1])
    ours, truth = trajectories.aligned(restored, frame)
    there = truth > 0
    assert there.mean() == pytest.approx((1 - abs(shift[0]) / 64) * (1 - abs(shift[1]) / 80), abs=0.01)
    ratio = ours[there].sum() / truth[there].sum()  # the factor is of the whole pictures
    np.testing.assert_allclose(ours[there], ratio * truth[there], rtol=1e-9)


def test_the_best_frame_counts_and_the_same_picture_is_infinite():
    frames = [window(0, 0), window(10, 20), window(30, 35)]
    noisy = np.clip(frames[1] + np.random.default_rng(0).normal(0, 9, frames[1].shape), 0, 255).astype(np.uint8)
    best = trajectories.score(noisy, frames)
    assert best == trajectories.score(noisy, frames[1:2]) and 25 < best[0] < 35 and 0.5 < best[1] < 1
    assert trajectories.score(frames[2], frames) == (np.inf, pytest.approx(1))


@pytest.fixture
def folders(tmp_path):
    """Two pictures of one shake; frames as they are unpacked."""
    restored, frames = tmp_path / "restored", tmp_path / "frames"
    (restored).mkdir()
    for number in (1, 2):
        (frames / f"Image{number}/Kernel8").mkdir(parents=True)
        Image.fromarray(window(4 * number, 0)).save(restored / f"Blurry{number}_8.png")
        for frame in (1, 2, 10):
            path = frames / f"Image{number}/Kernel8/GroundTruth{number}_8_{frame}.png"
            Image.fromarray(window(4 * number + frame, frame)).save(path)
    return restored, frames


def test_the_command_finds_each_pictures_frames(folders, tmp_path, capsys):
    restored, frames = folders
    assert cli.main(["score", *map(str, folders), "--trajectories", f"--csv={tmp_path / 'scores.csv'}"]) == 0
    assert "mean of 2" in capsys.readouterr().out
    first, second = csv.DictReader((tmp_path / "scores.csv").open())
    assert (first["image"], first["frames"], first["protocol"]) == ("Blurry1_8", "3", "koehler")
    own = [np.asarray(Image.open(path)) for path in sorted((frames / "Image2/Kernel8").iterdir())]
    expected = trajectories.score(np.asarray(Image.open(restored / "Blurry2_8.png")), own)
    assert (float(second["psnr_db"]), float(second["ssim"])) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda restored, frames: (restored / "Blurry1_8.png").rename(restored / "Blurry1_9.png"), "has no frames"),
        (
            lambda restored, frames: (restored / "Blurry1_8.png").rename(restored / "blurry.png"),
            "its name lacks numbers",
        ),
        (lambda restored, frames: Image.new("RGB", (9, 9)).save(frames / "GroundTruth1_8_3.png"), "images of one size"),
        (lambda restored, frames: [path.unlink() for path in frames.rglob("*.png")], "holds no image"),
    ],
)
def test_what_cannot_be_scored_is_told_in_one_line(folders, change, line, capsys):
    change(*folders)
    assert cli.main(["score", *map(str, folders), "--trajectories"]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1


def test_it_has_no_other_choices(folders, capsys):
    assert cli.main(["score", *map(str, folders), "--trajectories", "--protocol=y-8bit-gaussian"]) == 2
    assert "--trajectories: has a protocol of its own" in capsys.readouterr().err
