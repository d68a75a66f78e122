import csv
import os
import re

import numpy as np
import pytest
from PIL import Image
from vgg_file import random_arrays

from gandeblur import cli
from gandeblur.evaluation import metrics
from gandeblur.evaluation.looks import gradient_energy
from gandeblur.evaluation.score_files import PROTOCOLS
from gandeblur.stages.features import FeatureDistance

RNG = np.random.default_rng(0)


@pytest.fixture
def folders(tmp_path):
    for name in ("a", "sub/b"):
        sharp = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        for kind, pixels, suffix in (("sharp", sharp, "png"), ("restored", np.clip(sharp, 20, 240), "bmp")):
            path = tmp_path / kind / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return tmp_path


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_folders_are_scored_by_name_under_a_named_protocol(protocol, folders, capsys):
    table = folders / "scores.csv"
    arguments = ["score", str(folders / "restored"), str(folders / "sharp"), "--csv", str(table)]
    assert cli.main([*arguments, "--protocol", protocol]) == 0
    said = capsys.readouterr().out
    rows = list(csv.DictReader(table.open()))
    assert [row["image"] for row in rows] == ["a", "sub/b"]
    sharp = np.asarray(Image.open(folders / "sharp/a.png"))
    expected = metrics.psnr_db(np.clip(sharp, 20, 240), sharp, PROTOCOLS[protocol])
    assert float(rows[0]["psnr_db"]) == pytest.approx(expected) and rows[0]["protocol"] == protocol
    assert protocol in said and "mean of 2" in said and f"{expected:.2f}" in said


def test_the_command_offers_every_protocol(capsys):
    with pytest.raises(SystemExit):
        cli.main(["score", "--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in PROTOCOLS)


def test_a_damaged_image_is_no_score(folders, capsys):
    path = folders / "sharp/sub/b.png"
    path.write_bytes(path.read_bytes()[:1200])
    assert cli.main(["score", str(folders / "restored"), str(folders / "sharp")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {path}: the file lacks its last bytes: ") and "mean of" not in said.out


def test_unreadable_exif_data_are_no_damage_of_the_pixels(folders, capsys):
    image = Image.open(folders / "restored/a.bmp")
    image.save(folders / "restored/a.jpg", exif=b"Exif\0\0" + b"\xde\xad\xbe\xef" * 8, quality=95)
    (folders / "restored/a.bmp").unlink()
    assert cli.main(["score", str(folders / "restored"), str(folders / "sharp")]) == 0
    assert "mean of 2" in capsys.readouterr().out


def test_two_files_need_not_have_one_name(folders, capsys):
    assert cli.main(["score", str(folders / "restored/a.bmp"), str(folders / "sharp/sub/b.png")]) == 0
    assert "mean of 1" in capsys.readouterr().out


def test_features_are_scored_by_name_or_refused_in_one_line(folders, capsys):
    arguments = ["score", str(folders / "restored"), str(folders / "sharp"), "--csv", str(folders / "scores.csv")]
    assert cli.main([*arguments, "--features", "--vgg_weights", str(folders / "none.npz")]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "none.npz: no such file; fetch https" in line
    assert not (folders / "scores.csv").exists()
    np.savez(folders / "vgg.npz", **random_arrays())
    assert cli.main([*arguments, "--features", "--vgg_weights", str(folders / "vgg.npz")]) == 0
    measure = FeatureDistance(folders / "vgg.npz")
    said = capsys.readouterr().out
    assert str(measure) in " ".join(said.split()) and "gradient" in said
    rows = list(csv.DictReader((folders / "scores.csv").open()))
    sharp = np.asarray(Image.open(folders / "sharp/a.png"))
    restored = np.clip(sharp, 20, 240)
    assert float(rows[0]["feature_distance"]) == pytest.approx(measure(restored, sharp), rel=1e-5)
    assert float(rows[0]["gradient_energy"]) == gradient_energy(restored, sharp)


def test_what_cannot_be_scored_is_named_in_one_line(folders, capsys):
    def refused(restored, sharp):
        assert cli.main(["score", str(folders / restored), str(folders / sharp)]) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        return line

    assert "none: no such file or folder" in refused("none", "sharp")
    assert "sharp: give two files, or two folders" in refused("restored/a.bmp", "sharp")
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folders / "restored/a.bmp")
    assert "a.bmp: is 9x9, " in refused("restored", "sharp")
    (folders / "sharp/a.png").unlink()
    assert "a.bmp: has no sharp image of its name" in refused("restored", "sharp")
    (folders / "restored/a.bmp").unlink()
    (folders / "empty").mkdir()
    assert "empty: holds no image" in refused("empty", "sharp")


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def score(capsys, *arguments):
    status = cli.main(["score", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_missing_images_are_named_and_refused_unless_asked_for(tmp_path, capsys):
    for k in range(6):
        sharp = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        write(tmp_path / f"sharp/{k}.png", sharp)
        if k < 3:
            write(tmp_path / f"restored/{k}.png", 255 - sharp)
    line = f"{tmp_path / 'restored'}: 3 of 6 sharp images have no restored one: 3.png, 4.png, 5.png; "
    status, said, warned = score(capsys, tmp_path / "restored", tmp_path / "sharp")
    assert (status, said) == (2, "") and warned == f"error: {line}restore them, or score the others by --partial\n"
    status, said, warned = score(capsys, tmp_path / "restored", tmp_path / "sharp", "--partial")
    assert status == 0 and "mean of 3" in said and warned == f"{line}the mean is of the others\n"


def test_an_identical_pair_is_told_with_the_mean_of_the_others(tmp_path, capsys):
    """The mean is over images, in dB: 28.13 and 48.13 give 38.13, where the pooled error would give 31.10."""
    base = RNG.integers(20, 220, (40, 40, 3), dtype=np.uint8)
    for name, step in (("ten", 10), ("one", 1)):
        write(tmp_path / f"S/{name}.png", base)
        write(tmp_path / f"R/{name}.png", base + np.uint8(step))
    status, said, warned = score(capsys, tmp_path / "R", tmp_path / "S")
    assert status == 0 and warned == "" and all(number in said for number in ("28.13", "48.13", "38.13"))
    for folder in "RS":
        write(tmp_path / f"{folder}/same.png", base)
    table = tmp_path / "s.csv"
    status, said, warned = score(capsys, tmp_path / "R", tmp_path / "S", "--csv", table)
    assert status == 0 and "inf" in said and "nan" not in said
    assert warned == (
        "identical to the sharp image, so that PSNR and its mean are infinite: 1 of 3 (same); "
        "the mean of the other 2 is 38.13 dB\n"
    )
    assert {row["image"]: row["psnr_db"] for row in csv.DictReader(table.open())}["same"] == "inf"


def test_tiff_files_and_16_bits_are_read_and_rounded_to_8(tmp_path, capsys):
    sharp = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    deep = sharp.astype(np.uint16) * 257 + RNG.integers(-128, 129, sharp.shape)
    deep = deep.clip(0, 65535).astype(np.uint16)
    write(tmp_path / "sharp/a.tif", sharp)
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "sharp/b.tiff", deep, photometric="rgb")
    write(tmp_path / "sharp/c.png", deep[..., 0])
    for name, pixels in (("a", 255 - sharp), ("b", 255 - sharp), ("c", 255 - sharp[..., :1].repeat(3, -1))):
        write(tmp_path / f"restored/{name}.png", pixels)
    status, said, _ = score(capsys, tmp_path / "restored", tmp_path / "sharp")
    assert status == 0 and "mean of 3" in said
    for name, truth in (("a", sharp), ("b", sharp), ("c", sharp[..., :1].repeat(3, -1))):
        assert re.search(f"{name} .*{metrics.psnr_db(255 - truth, truth):.2f}", said)


@pytest.fixture
def gopro(tmp_path):
    """GoPro's test set, and what `gandeblur restore GOPRO/test` makes of it."""
    for sequence in ("S1", "S2"):
        for number in ("000001", "000002"):
            sharp = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            write(tmp_path / f"GOPRO/test/{sequence}/sharp/{number}.png", sharp)
            for variant, pixels in (("blur", sharp // 2), ("blur_gamma", sharp // 4)):
                write(tmp_path / f"GOPRO/test/{sequence}/{variant}/{number}.png", pixels)
            write(tmp_path / f"out/{sequence}/blur/{number}.png", sharp // 2 + 3)
            write(tmp_path / f"all/{sequence}/blur/{number}.png", sharp // 2 + 3)
            write(tmp_path / f"all/{sequence}/sharp/{number}.png", sharp)
            write(tmp_path / f"flat/{sequence}/{number}.png", sharp // 2 + 3)
    return tmp_path


def test_a_folder_of_pairs_is_the_truth(gopro, capsys):
    tables = {}
    for folder in ("out", "all", "flat"):
        status, tables[folder], warned = score(capsys, gopro / folder, gopro / "GOPRO/test", "--blurred=blur")
        assert status == 0 and warned == "" and "mean of 4" in tables[folder]
    assert re.findall(r"\d+\.\d+", tables["out"]) == re.findall(r"\d+\.\d+", tables["flat"])
    status, _, warned = score(capsys, gopro / "out", gopro / "GOPRO", "--split=test")
    assert status == 2 and "choose --blurred=blur|blur_gamma" in warned


def test_a_folder_of_pairs_alone_or_twice_is_scored_as_it_is(gopro, capsys):
    for arguments in ((gopro / "GOPRO",), (gopro / "GOPRO", gopro / "GOPRO")):
        status, said, warned = score(capsys, *arguments, "--blurred=blur")
        assert status == 0 and "mean of 4" in said
        assert warned == f"{gopro / 'GOPRO'}: pairs; its blurred images are scored, as they are\n"


def test_one_folder_given_twice_is_told(tmp_path, capsys):
    write(tmp_path / "usb/a.jpg", RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    for name in ("usb/._a.jpg", "usb/@eaDir/a.jpg", "usb/Thumbs.db"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no picture")
    status, said, warned = score(capsys, tmp_path / "usb", tmp_path / "usb")
    assert status == 0 and "mean of 1" in said
    assert f"{tmp_path / 'usb'}: is given twice; every image is scored against itself\n" in warned


def test_any_name_is_shown_and_written(tmp_path, capsys):
    names = [os.fsdecode(b"caf\xe9"), "[b]bold[", ":smile:", "two\nlines", "x" * 250, "A", "a"]
    for name in names:
        pixels = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        write(tmp_path / "sharp" / f"{name}.png", pixels)
        write(tmp_path / "restored" / f"{name}.png", pixels // 2)
    table = tmp_path / "s.csv"
    status, said, warned = score(capsys, tmp_path / "restored", tmp_path / "sharp", "--csv", table)
    assert status == 0 and warned == ""
    for text in ("caf\\xe9", "[b]bold[", ":smile:", "two\\nlines"):
        assert f" {text} " in said
    assert said.count("x") >= 250  # in several lines, whole
    rows = list(csv.DictReader(table.open(encoding="utf-8", newline="")))
    assert {row["image"] for row in rows} == {*names[1:], "caf\\xe9"}
