"""Each reading is what its name says and nothing else: the places where it differs from its paper's literal."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_experiments import tiny

from gandeblur.data.crops import Source, random_crops
from gandeblur.data.datasets import ImageSet
from gandeblur.errors import InputError
from gandeblur.experiments import dark_channel_gan, deblurgan, gan_d, ird_gan, readings
from gandeblur.experiments.differences import as_data, differences
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.losses.gradient_penalty import pixel_penalty
from gandeblur.stages import inputs, options, train
from gandeblur.stages.run import choose

# reading -> path -> value; "ours" and "description" aside.
STATED = {
    "gan_d": {
        "resized": {"data.cut": "resized"},
        "mse_first": {
            "generator_terms[1].weight": "left out",  # 1, the default
            "training.generator_steps": 2,
            "training.terms_in_turn": True,
        },
        "sum_255": {"generator_terms[1].weight": 1 / 65_025},
    },
    "hkust_gan": {
        "resized": {"data.cut": "resized"},
        "tiles": {"data.cut": "tiles"},
    },
    "ird_gan": {
        "l1_signed": {"generator_terms[1].weight": 340.0},
        "vgg_conv5": {
            "generator_terms[0].loss.features.layer": "block5_conv1",
            "generator_terms[0].loss.features.relu": "left out",
        },
        "dropout_at_test": {"dropout_at_test": True},
        "pixel_penalty": {
            "discriminator_terms[1].loss.is": "OnSummedSlopes",
            "discriminator_terms[1].loss.loss": "gradient_penalty.pixel_penalty",
        },
    },
    "dark_channel_gan": {
        "released_test": {
            "data.test.original.size_px": 360,
            "data.test.noisy.size_px": 360,
            "protocol.name": "rgb-8bit-range-2",
            "protocol.ssim_range": 510,
            "dropout_at_test": True,
        },
        "bicubic": {"data.shrinking": "bicubic"},
        "coco": {"data.shrunk": "pairs"},
        "one_step": {"training.generator_steps": "left out"},  # 1, the default
    },
    "sharingan": {"lambda_10": {"discriminator_terms[1].weight": 10.0}},
    "deblurgan": {
        "wild": {},
        "coco": {"data.shrunk": "pairs"},
        "comb_steps": {"training.steps_per_epoch": 3000},
        "bicubic": {"data.shrinking": "bicubic"},
        "pixel_penalty": {
            "discriminator_terms[1].loss.is": "OnSummedSlopes",
            "discriminator_terms[1].loss.loss": "gradient_penalty.pixel_penalty",
        },
    },
}
ALL = [(name, reading) for name, experiment in EXPERIMENTS.items() for reading in experiment.readings]


@pytest.mark.parametrize(("name", "reading"), [(name, one) for name, own in STATED.items() for one in own])
def test_a_reading_differs_where_it_says(name, reading):
    experiment = EXPERIMENTS[name]
    found = differences(as_data(experiment.paper), as_data(experiment.readings[reading]))
    found = {path: other for path, _, other in found if path not in ("ours", "description")}
    expected = STATED[name][reading]
    assert found.keys() == expected.keys()
    assert all(found[path] == pytest.approx(expected[path]) for path in expected)


def test_the_readings_with_other_widths_and_data():
    xu = EXPERIMENTS["gan_d"].readings["odcnn_512"].generator
    assert xu.widths == {**gan_d.ODCNN.generator.widths, "deep_maps": 512}
    small = xu.builder(maps=2, wide_maps=3, deep_maps=5)
    assert [small.get_layer(name).kernel.shape[-1] for name in ("conv_121x1", "conv_16x16", "conv_1x1")] == [2, 5, 3]
    dropout = EXPERIMENTS["hkust_gan"].readings["dropout"].generator
    assert dropout.widths["dropout"] == 0.5
    small = dropout.builder(maps=2, blocks=2, dropout=0.5)
    assert [layer.rate for layer in small.layers if "dropout" in layer.name] == [0.5, 0.5]
    assert not [one for one in dropout.builder(maps=2, blocks=2).layers if "dropout" in one.name]
    synth = EXPERIMENTS["deblurgan"].readings["synth"]
    assert (synth.data.downsample, synth.data.photographs) == (1, (deblurgan.BLUR,))
    columns = {paper.ours for paper in EXPERIMENTS["deblurgan"].by_name.values()}
    assert set(deblurgan.PAPER.reported.rows["GoPro test"]) <= columns


def test_the_column_kupyn_is_deblurgan_by_ird_gans_data_and_steps():
    kupyn, ird, own = EXPERIMENTS["ird_gan"].readings["kupyn"], ird_gan.PAPER, deblurgan.PAPER
    assert (kupyn.data, kupyn.training, kupyn.reported, kupyn.protocol) == (
        ird.data,
        ird.training,
        ird.reported,
        ird.protocol,
    )
    assert (kupyn.generator, kupyn.discriminator) == (own.generator, own.discriminator)
    assert (kupyn.generator_terms, kupyn.discriminator_terms) == (own.generator_terms, own.discriminator_terms)
    assert kupyn.dropout_at_test and kupyn.ours in ird.reported.rows["GoPro test"]
    assert kupyn.training.all_generator_steps == 965_100


def test_variants_by_commas_train_side_by_side():
    settings = choose(EXPERIMENTS["ird_gan"], variant="ird,kupyn", preset="paper", train_data=["GOPRO"])
    assert settings.workdir == Path("runs/ird_gan/paper-ird+kupyn-GOPRO")
    assert [(part.variant, part.workdir.name) for part in settings.parts] == [("ird", "ird"), ("kupyn", "kupyn")]
    assert list(settings.named_parts) == ["ird", "kupyn"] and settings.paper == ird_gan.PAPER
    assert [part.paper.ours for part in settings.parts] == ["IRD-GAN", "Kupyn et al."]


@pytest.mark.parametrize(
    ("variant", "line"),
    [("ird,x", "--variant=x: unknown"), ("ird,ird", "names one twice"), ("ird,all", "--variant=all: unknown")],
)
def test_variants_that_cannot_train_side_by_side(variant, line):
    with pytest.raises(InputError, match=line):
        choose(EXPERIMENTS["ird_gan"], variant=variant)
    with pytest.raises(InputError, match="belongs to one variant"):
        choose(EXPERIMENTS["ird_gan"], variant="ird,kupyn", weights="ird_gan.npz")


def test_photographs_stay_as_they_are_where_pairs_alone_are_shrunk(tmp_path):
    for kind in ("blur", "sharp"):
        (tmp_path / "pairs" / kind).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (80, 64), (number, 9, 9)).save(tmp_path / "pairs" / kind / f"{number}.png")
    (tmp_path / "photographs").mkdir()
    for number in range(2):
        Image.new("RGB", (40, 32), (number, 50, 50)).save(tmp_path / "photographs" / f"{number}.png")
    folders = [tmp_path / "pairs", tmp_path / "photographs"]
    chosen = {"train_data": folders, "preset": "paper", "workdir": tmp_path / "run"}
    settings = choose(tiny(EXPERIMENTS["deblurgan"], crop_px=32), variant="coco", **chosen)
    data = replace(settings.paper.data, crop_px=32)
    settings.__dict__["paper"] = replace(settings.paper, data=data)
    sets = [training for training, _ in inputs.training_images(settings)]
    degraded, sharp, _ = next(iter(inputs.training_batches(settings, sets, 0)))
    assert degraded.shape[1:] == sharp.shape[1:] == (32, 32, 3)
    scored = {source.images.has_pairs: source for _, _, source in inputs.scored(settings, sets)}
    assert "shrunk by [2, 1]" in inputs.what_is_read(settings, sets) and scored.keys() == {True, False}
    with pytest.raises(InputError, match="is 20x16 when shrunk, smaller than the 32x32 crop"):
        own = choose(tiny(EXPERIMENTS["deblurgan"]), **chosen)
        own.__dict__["paper"] = replace(own.paper, data=replace(own.paper.data, crop_px=32))
        inputs.training_batches(own, sets, 0)


def test_the_rows_of_the_dark_channels_table_by_the_names_of_sets():
    sets = dark_channel_gan.PAPER.reported.sets
    names = ["GOPRO/test/blur-original", "GOPRO/test/blur-noisy", "GOPRO_noise/test/blur-original"]
    found = {row: [name for name in names if re.fullmatch(sets[row], name, re.IGNORECASE)] for row in sets}
    assert found == {"original": names[:1], "noisy": names[1:]}


def test_all_trains_the_papers_variants_only():
    settings = choose(EXPERIMENTS["gan_d"], variant="all")
    assert [part.variant for part in settings.parts] == ["combined", "eq3", "odcnn"]
    file = json.loads(Path(__file__).with_name("recipes.json").read_text())
    assert set(file["papers"]["gan_d"]["variants"]) == {"combined", "eq3", "odcnn"}


@pytest.mark.parametrize(("name", "reading"), ALL)
def test_every_reading_can_be_chosen(name, reading):
    assert choose(EXPERIMENTS[name], variant=reading, preset="paper").paper == EXPERIMENTS[name].readings[reading]


@pytest.mark.parametrize(("name", "reading"), ALL)
def test_every_recipe_takes_every_reading(name, reading):
    experiment = EXPERIMENTS[name]
    for preset, recipe in experiment.presets.items():
        paper = recipe.of(experiment.readings[reading])
        assert paper.generator_terms and paper.ours == experiment.readings[reading].ours, preset


def test_tiles_and_resized_frames(tmp_path):
    """Of an image of 3 x 2 tiles whose values name the tile."""
    tiles = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    image = np.repeat(np.repeat(tiles, 8, 0), 8, 1)[..., np.newaxis].repeat(3, -1)
    rng = np.random.default_rng(0)
    path = tmp_path / "tiles.png"
    Image.fromarray(np.pad(image, ((0, 5), (0, 3), (0, 0)))).save(path)  # what fills no tile is left out
    crop = random_crops([Source(ImageSet("one", (path,)), cut="tiles")], 8, 1.0, False)
    crops = [crop(0, rng.random(4)) for _ in range(60)]
    assert {int(one[0, 0, 0, 0]) for one in crops} == set(tiles.reshape(-1).tolist())
    assert all(len(np.unique(one)) == 1 for one in crops)
    whole = random_crops([Source(ImageSet("one", (path,)), cut="resized")], 8, 1.0, False)(0, [0.3, 0.5, 0.5, 0.9])
    expected = np.asarray(Image.open(path).resize((8, 8), Image.Resampling.BICUBIC))
    assert whole.shape == (2, 8, 8, 3) and np.abs(whole[0].astype(int) - expected).max() <= 1


def test_images_smaller_than_the_crop_are_resized_not_refused(tmp_path):
    Image.new("RGB", (20, 24), "grey").save(tmp_path / "1.png")
    Image.new("RGB", (20, 24), "grey").save(tmp_path / "2.png")
    settings = choose(tiny(EXPERIMENTS["gan_d"]), variant="resized", train_data=[tmp_path], workdir=tmp_path / "run")
    sets = [part for pair in inputs.training_images(settings) for part in pair][:1]
    degraded, sharp, _ = next(iter(inputs.training_batches(settings, sets, 0)))
    assert degraded.shape[1:] == sharp.shape[1:] == (32, 32, 3)


def test_a_part_of_the_images_is_taken_evenly(tmp_path):
    for number in range(10):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(tmp_path / f"{number}.png")
    settings = choose(EXPERIMENTS["sharingan"], train_data=[tmp_path], train_images=4, workdir=tmp_path / "run")
    ((training, validation),) = inputs.training_images(settings)
    assert sorted([*training.names, *validation.names]) == ["0", "3", "6", "9"]


def test_two_updates_in_turn_take_one_term_each():
    """With a rate of 0 for nothing: after MSE's step alone, the adversary's step changes the weights again."""
    experiment = tiny(EXPERIMENTS["gan_d"], generator_steps=2)
    model = train.build(choose(experiment, variant="mse_first", workdir="unused"))
    taken = []
    step = model._generator_gradients
    model._generator_gradients = lambda forward, terms, part: (
        taken.append(([term.name for term in terms], forward is None)) or step(forward, terms, part)
    )
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    model.run_eagerly = True
    model.train_on_batch(images, images)
    assert taken == [(["mse"], False), (["adversarial"], True)]  # the second restores by the weights of the first


def test_the_help_tells_of_readings_apart(capsys):
    with pytest.raises(SystemExit):
        options.run(EXPERIMENTS["hkust_gan"], ["--help"])
    _, told = capsys.readouterr().out.split("other readings of the paper")
    assert all(name in told for name in readings.HKUST)


def test_the_pixel_penalty_of_known_slopes():
    """Slopes (3, 4, 0) have norm 5 at half of the pixels, 1 at the others: (5 - 1)^2 / 2."""
    slopes = np.zeros((1, 2, 2, 3), np.float32)
    slopes[:, :, 0], slopes[:, :, 1] = (3, 4, 0), (0, 1, 0)
    assert float(pixel_penalty(slopes)[0]) == pytest.approx(8.0)
