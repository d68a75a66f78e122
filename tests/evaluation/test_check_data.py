import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gandeblur.data.datasets.find import find
from gandeblur.data.datasets.packed import pack
from gandeblur.errors import InputError
from gandeblur.evaluation import metrics
from gandeblur.evaluation.check_data import check_data, main


@pytest.fixture
def root(tmp_path):
    """GoPro's layout: training sequences S1 and S2 of three pairs, test sequence S3 of two; blur has less noise."""
    random = np.random.default_rng(0)
    for split, sequence, count in (("train", "S1", 3), ("train", "S2", 3), ("test", "S3", 2)):
        for number in range(count):
            sharp = random.integers(40, 216, (24, 32, 3))
            for folder, noise in (("sharp", 0), ("blur", 10), ("blur_gamma", 20)):
                pixels = sharp + random.integers(-noise, noise + 1, sharp.shape)
                path = tmp_path / "GOPRO" / split / sequence / folder / f"{number:06}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    return tmp_path / "GOPRO"


def lines(report):
    assert all("\n" not in line and "; " in line for line in report.problems)
    return set(report.problems)


def test_every_split_and_variant_is_counted_and_scored(root):
    report = check_data(root)
    assert [part.name for part in report.parts] == [
        f"GOPRO/{split}/{variant}" for split in ("train", "test") for variant in ("blur", "blur_gamma")
    ]
    assert [len(part.items) for part in report.parts] == [6, 6, 2, 2]
    assert report.problems == ()
    for part, split in zip(report.parts, ("train", "train", "test", "test"), strict=True):
        pairs = find(root, split=split, variant=part.name.rpartition("/")[2])
        for index, item in enumerate(part.items):
            blurred, sharp = pairs.read(index)
            assert (item.name, item.size, item.formats) == (pairs.names[index], (24, 32), ("RGB 8 bit",) * 2)
            assert item.psnr_db == metrics.psnr_db(blurred, sharp, metrics.RGB)
            assert item.ssim == metrics.ssim(blurred, sharp, metrics.RGB)


def test_one_variant_and_one_split_can_be_checked_alone(root):
    names = [part.name for part in check_data(root, variant="blur").parts]
    assert names == ["GOPRO/train/blur", "GOPRO/test/blur"]
    assert [part.name for part in check_data(root, variant="blur", split="test").parts] == ["GOPRO/test/blur"]
    assert check_data(root, split="val").problems == (f"{root}: holds no val; choose --split=train|test",)


def test_the_printed_report_names_set_counts_sizes_means_and_protocol(root, capsys):
    assert main(root, variant="blur") == 0
    printed = capsys.readouterr().out
    items = check_data(root, variant="blur").parts[0].items
    psnr_db, ssim = (np.mean([getattr(item, metric) for item in items]) for metric in metrics.METRICS)
    total = rf"GOPRO/train/blur \(2 sequences\) +6 +32x24 +RGB 8 bit +{psnr_db:.2f} +{ssim:.4f}"
    assert re.search(total, printed)
    first = np.mean([item.psnr_db for item in items[:3]])
    assert re.search(rf" S1 +3 +32x24 +RGB 8 bit +{first:.2f} ", printed)
    assert str(metrics.RGB) in printed
    assert "no problems found" in printed and "\x1b" not in printed  # piped: no colours, no progress bar


def test_everything_that_is_wrong_is_listed_at_once(root, capsys):
    train, test = root / "train", root / "test"
    (train / "S1/sharp/000000.png").unlink()  # both variants lack a partner
    (train / "S1/blur/000001.png").rename(train / "S1/blur/renamed.png")
    damaged = [train / "S2/blur/000000.png", train / "S2/sharp/000000.png"]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:300])
    Image.new("RGB", (20, 30)).save(train / "S2/blur/000001.png")
    (train / "S2/blur_gamma/000002.png").write_bytes((train / "S2/sharp/000002.png").read_bytes())
    for folder in ("blur", "blur_gamma"):
        for path in (test / "S3" / folder).iterdir():
            Image.open(path).crop((0, 0, 10, 10)).save(path)
    for path in (test / "S3/sharp").iterdir():
        Image.open(path).crop((0, 0, 10, 10)).save(path)
    (test / "S1").mkdir()
    (test / "S1/sharp").mkdir()

    problems = lines(check_data(root))
    small = "is 10x10, smaller than the 11x11 window of SSIM; remove it"
    expected = {
        f"{train / 'S1'}: is a sequence of test, too",
        f"{test / 'S1'}: is a sequence of train, too",
        f"{test / 'S1/blur'}: no such folder, only sharp",
        f"{test / 'S1/blur_gamma'}: no such folder, only sharp",
        f"{train / 'S1/blur/000000.png'}: has no sharp image",
        f"{train / 'S1/blur/renamed.png'}: has no sharp image",
        f"{train / 'S1/sharp/000001.png'}: has no blurred image",
        f"{train / 'S1/blur_gamma/000000.png'}: has no sharp image",
        *(f"{path}: cannot be read" for path in damaged),
        f"{train / 'S2/blur/000001.png'}: is 20x30, but {train / 'S2/sharp/000001.png'} is 32x24",
        f"{train / 'S2/blur_gamma/000002.png'}: is identical to its sharp image",
        *(
            f"{test / 'S3' / folder / name}.png: {small}"
            for folder in ("blur", "blur_gamma")
            for name in ("000000", "000001")
        ),
    }
    assert all(sum(line.startswith(start) for line in problems) == 1 for start in expected)
    assert len(problems) == len(expected)

    assert main(root) == 1
    printed = capsys.readouterr().out.splitlines()
    assert problems <= set(printed) and printed[-1] == f"{len(problems)} problems found"


def test_the_reader_stops_at_the_first_line_of_the_list(root):
    for name in ("000000", "000001"):
        (root / f"train/S2/sharp/{name}.png").unlink()
    first, _ = check_data(root, split="train", variant="blur").problems
    with pytest.raises(InputError) as caught:
        find(root, split="train", variant="blur")
    assert str(caught.value) == f"{first} (and 1 more: gandeblur check-data {root} lists them)"


def test_a_folder_that_cannot_be_used_is_a_problem(root, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, wrong in ((tmp_path / "none", "no such folder"), (empty, "holds no images"), (tmp_path, "")):
        assert main(folder) == 1
        assert re.search(f"^.*: {wrong}.*; .*\n1 problem found$", capsys.readouterr().out, re.MULTILINE)


def test_stored_colours_and_depths_are_told(tmp_path, capsys):
    random = np.random.default_rng(0)
    grey = random.integers(0, 256, (16, 18), dtype=np.uint8)
    colour = Image.fromarray(np.stack([grey, grey.T.reshape(grey.shape), 255 - grey], -1))
    for name, image in (
        ("grey.png", Image.fromarray(grey)),
        ("deep.png", Image.fromarray(grey.astype(np.uint16) * 257)),
        ("palette.png", colour.quantize(8)),
        ("alpha.png", colour.convert("RGBA")),
        ("photo.jpg", colour),
    ):
        image.save(tmp_path / name)
    part = check_data(tmp_path).parts[0]
    assert {item.name: item.formats for item in part.items} == {
        "grey": ("grey 8 bit",),
        "deep": ("grey 16 bit",),
        "palette": ("palette 8 bit",),
        "alpha": ("RGBA 8 bit",),
        "photo": ("RGB 8 bit",),
    }
    assert main(tmp_path) == 0
    assert "(and 4 others)" in capsys.readouterr().out


def test_sharp_images_are_decoded_and_not_scored(root, capsys):
    folder = root / "train/S1/sharp"
    (folder / "torn.png").write_bytes((folder / "000000.png").read_bytes()[:300])
    report = check_data(folder)
    assert [item.size for item in report.parts[0].items] == [(24, 32)] * 3 + [None]
    assert [item.psnr_db for item in report.parts[0].items] == [None] * 4
    (problem,) = lines(report)
    assert problem.startswith(f"{folder / 'torn.png'}: cannot be read")
    assert main(folder) == 1
    assert "PSNR" not in capsys.readouterr().out


def test_side_by_side_pairs_score_as_the_same_pairs_in_two_folders(root, tmp_path):
    pairs = find(root, split="test", variant="blur")
    both = tmp_path / "both"
    both.mkdir()
    for index in range(len(pairs)):
        Image.fromarray(np.concatenate(pairs.read(index), axis=1)).save(both / f"{index}.png")
    (separate,) = check_data(root, split="test", variant="blur").parts
    (joined,) = check_data(both, layout="side_by_side").parts
    assert [item.psnr_db for item in joined.items] == [item.psnr_db for item in separate.items]
    Image.new("RGB", (41, 20)).save(both / "odd.png")
    (problem,) = lines(check_data(both, layout="side_by_side"))
    assert problem.startswith(f"{both / 'odd.png'}: is 41 pixels wide")


def test_packed_pairs_score_as_their_files_and_every_checksum_is_tested(root, tmp_path):
    pairs = find(root, split="train", variant="blur")
    packed = tmp_path / "packed"
    pack(pairs, packed)
    (files,) = check_data(root, split="train", variant="blur").parts
    report = check_data(packed)
    assert report.problems == () and report.kind == "packed pairs"
    assert [item.psnr_db for item in report.parts[0].items] == [item.psnr_db for item in files.items]
    shard = packed / "shard-00000.npy"
    content = bytearray(shard.read_bytes())
    for index in (0, 4):
        content[-1 - index * 2 * 24 * 32 * 3] ^= 1  # in the last pair and the fifth before it
    shard.write_bytes(content)
    problems = check_data(packed).problems
    assert [name for line in problems for name in pairs.names if f"{name} is damaged; " in line] == [
        "S1/000001",
        "S2/000002",
    ]
    (packed / "index.json").unlink()
    assert len(lines(check_data(packed))) == 1


def test_packed_sharp_images_are_counted(root, tmp_path):
    pack(find(root / "train/S1/sharp"), tmp_path / "packed")
    report = check_data(tmp_path / "packed")
    assert report.kind == "packed sharp images" and report.problems == ()
    assert [item.size for item in report.parts[0].items] == [(24, 32)] * 3


@pytest.mark.skipif(
    "GANDEBLUR_MOTION_PAIRS" not in os.environ,
    reason="GANDEBLUR_MOTION_PAIRS does not name a folder that holds gopro_half and reds_half",
)
@pytest.mark.parametrize(("name", "count", "psnr_db"), [("gopro_half", 28, 24.86), ("reds_half", 30, 24.19)])
def test_the_figures_of_real_pairs(name, count, psnr_db):
    report = check_data(Path(os.environ["GANDEBLUR_MOTION_PAIRS"]) / name)
    (part,) = report.parts
    assert report.problems == () and len(part.items) == count
    assert {stored for item in part.items for stored in item.formats} == {"RGB 8 bit"}
    assert abs(np.mean([item.psnr_db for item in part.items]) - psnr_db) < 0.01


def test_where_blurred_and_sharp_look_exchanged_is_told(tmp_path):
    """One exchanged pair is named; of most pairs one line speaks, of the folders."""
    random = np.random.default_rng(0)

    def write(exchanged, root):
        for k in range(5):
            sharp = np.kron(random.integers(0, 256, (4, 5, 3)), np.ones((16, 16, 1)))
            blurred = (sharp + np.roll(sharp, 1, 1) + np.roll(sharp, 2, 1) + np.roll(sharp, 3, 1)) / 4
            blurred = 0.7 * blurred + random.normal(0, 3, sharp.shape) + 30  # darker, and with noise
            both = (sharp, blurred) if k in exchanged else (blurred, sharp)
            for folder, image in zip(("blur", "sharp"), both, strict=True):
                path = tmp_path / root / folder / f"{k}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(path)
        return tmp_path / root

    assert check_data(write((), "right")).problems == ()
    some = write((1, 3), "some")
    assert check_data(some).problems == tuple(
        f"{some / f'blur/{k}.png'}: looks sharper than its sharp image; the two look exchanged, swap them"
        for k in (1, 3)
    )
    (line,) = check_data(write(range(5), "all")).problems
    assert "as do 5 of 5 in all/blur; the folders of blurred and sharp ones look exchanged, swap them" in line


def test_where_nothing_can_be_scored_no_number_is_shown(root, capsys):
    for path in (root / "test/S3/blur").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    assert main(root, split="test", variant="blur") == 1
    said = capsys.readouterr().out
    assert "nan" not in said and re.search(r"GOPRO/test/blur +0 +- +-", said)
