"""The numbers of every paper, and every built layer against what it prints."""

import dataclasses

import pytest
from full_size import built

from gandeblur.experiments import changes, dark_channel_gan, gan_d, hkust_gan, recipes
from gandeblur.experiments.differences import as_data
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.spec import Network
from gandeblur.losses.perceptual import Perceptual
from gandeblur.models import gan_d as networks
from gandeblur.stages import audit, options

WITH_LAYERS = {"gan_d", "hkust_gan"}  # the papers that print them
VARIANTS = [(name, variant) for name, experiment in EXPERIMENTS.items() for variant in experiment.variants]
AT_FULL_SIZE = [one if one[0] in WITH_LAYERS else pytest.param(*one, marks=pytest.mark.networks) for one in VARIANTS]


def weights(terms):
    return {term.name: term.weight for term in terms}


def test_every_experiment_goes_by_its_name():
    assert {name: experiment.paper.name for name, experiment in EXPERIMENTS.items()} == {n: n for n in EXPERIMENTS}


@pytest.mark.parametrize(("name", "variant"), AT_FULL_SIZE)
def test_every_layer_and_total_is_the_papers(name, variant):
    paper = EXPERIMENTS[name].variants[variant]
    for network in paper.networks.values():
        model = built(network, paper.data.crop_px)
        rows = audit.rows(model, network)
        total = "ok" if network.parameters_printed else audit.AS_READ
        assert rows[-1]["layer"] == "total" and rows[-1]["verdict"] == ("" if network.parameters is None else total)
        assert {row["verdict"] for row in rows[:-1]} <= {"ok", "widths ok", "", audit.NOT_LISTED}
        assert ("paper" in rows[0]) == network.parameters_printed
        holds, convolutions = audit.of_formula(model)
        assert convolutions > 0 and (holds == convolutions or not network.parameters_printed)


def test_hkusts_is_the_paper_that_prints_counts():
    printed = {
        name
        for name, one in EXPERIMENTS.items()
        for network in one.paper.networks.values()
        if network.parameters_printed
    }
    assert printed == {"hkust_gan"}
    counted = {layer.parameters is None for network in gan_d.PAPER.networks.values() for layer in network.layers}
    assert counted == {True}


def test_the_papers_that_print_layers():
    assert {name for name, experiment in EXPERIMENTS.items() if experiment.paper.generator.layers} == WITH_LAYERS


def test_audit_names_what_differs():
    network = gan_d.GENERATOR
    wider = networks.generator(maps=39, wide_maps=512)
    rows = {row["layer"]: row for row in audit.rows(wider, dataclasses.replace(network, layers=network.layers[1:]))}
    assert rows["conv_1x121"]["verdict"] == audit.NOT_LISTED
    assert rows["conv_16x16"]["verdict"] == "out is 38 in the paper"
    assert rows["total"]["verdict"].startswith("differs by +")
    extra = dataclasses.replace(network.layers[0], name="extra")
    missing = audit.rows(wider, dataclasses.replace(network, layers=(*network.layers, extra)))
    assert not any("paper" in row for row in missing)
    assert [row["verdict"] for row in missing if row["layer"] == "extra"] == ["missing here"]
    unprinted = audit.rows(wider, Network(networks.generator, {}, parameters=1))
    assert "paper" not in unprinted[0] and unprinted[-1]["verdict"].startswith("differs by +")


def test_what_hkusts_tables_leave_out_closes_their_totals():
    left_out = {
        "generator": {"23 BatchNormalization": 20_992},
        "discriminator": {"4 BatchNormalization": 3_840, "2 Dense": 263_168 + 1_025},
    }
    for name, (convolutions, total) in hkust_gan.TABLE_1.items():
        network = hkust_gan.PAPER.networks[name]
        model = built(network, 256)
        assert audit.of_formula(model)[1] == convolutions and network.parameters == total
        rows = {row["layer"]: row for row in audit.rows(model, network)}
        assert {kind: rows[kind]["parameters"] for kind in left_out[name]} == left_out[name]
        assert rows["listed layers"]["parameters"] + sum(left_out[name].values()) == total


def test_hkusts_audit_is_whole_in_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert options.run(EXPERIMENTS["hkust_gan"], ["--stage=audit"]) == 0
    printed = capsys.readouterr().out
    table = printed[printed.index("(HKUST) discriminator") :]
    assert "…" not in table and "conv2d_28" in table
    assert "generator: 24 convolutions, 11,399,171 parameters" in printed
    assert "discriminator: 6 convolutions, 3,098,370 parameters" in printed
    assert "together: 30 convolutions, 14,497,541 parameters" in printed
    assert printed.count("gives the parameters of 24 of the 24") == printed.count("of 6 of the 6") == 1


# What training takes of each paper ---------------------------------------------------------------------------------


def test_gan_d():
    training = gan_d.PAPER.training
    assert training.all_generator_steps * training.batch_size == 2_000_000
    assert (training.learning_rate, training.beta_1, gan_d.PAPER.value_range) == (1e-5, 0.9, (0, 255))
    rows = gan_d.PAPER.reported.rows
    for method, (psnr_db, ssim) in rows["all"].items():  # the plain mean of the four sets
        sets = [row[method] for name, row in rows.items() if name != "all"]
        assert sum(pair[0] for pair in sets) / 4 == pytest.approx(psnr_db, abs=0.01)
        assert sum(pair[1] for pair in sets) / 4 == pytest.approx(ssim, abs=0.01)


def test_gan_ds_differences_are_those_of_its_text():
    rows, gains = gan_d.PAPER.reported.rows, gan_d.PAPER.reported.gains
    differences = [round(rows[row][method][0] - rows[row][over][0], 2) for row, method, over in gains]
    assert differences == [4.84, 5.46]  # "PSNR about 4.84dB than the baseline model ODCNN and 5.46dB than [...] TV"


def test_hkust():
    paper = hkust_gan.PAPER
    training = paper.training
    assert (paper.data.crop_px, training.batch_size, training.epochs, training.steps_per_epoch) == (256, 16, 40, 31)
    optimizer = training.optimizer("generator")
    assert (float(optimizer.learning_rate), optimizer.beta_1, optimizer.beta_2) == (pytest.approx(1e-4), 0.9, 0.999)
    assert optimizer.epsilon == 1e-8
    assert training.discriminator_steps == 5
    assert weights(paper.generator_terms) == {"content": 100, "adversarial": 1}
    assert paper.generator_terms[0].loss.features == Perceptual("vgg16", "block3_conv3")
    assert {condition.size_px for condition in paper.data.test.values()} == {None, 256}


def test_dark_channel():
    paper = dark_channel_gan.PAPER
    assert paper.generator.size_multiple == 2 ** len(paper.generator.widths["encoder_maps"])
    training = paper.training
    assert (paper.data.crop_px, training.batch_size, training.epochs, paper.data.downsample) == (256, 1, 15, 2)
    assert (training.learning_rate, training.beta_1) == (2e-4, 0.5)
    assert (training.discriminator_steps, training.generator_steps) == (1, 2)
    assert dark_channel_gan.TRAINING_NOISE.keywords == {"variance": (0.0, 0.002)}
    dc0 = {"l1": 2 * 100, "adversarial": 1}  # 100 on [-1, 1]
    dc250 = dc0 | {"dark_channel": 250}
    found = {name: weights(one.generator_terms) for name, one in EXPERIMENTS["dark_channel_gan"].variants.items()}
    assert found == {"dc250": dc250, "dc0": dc0, "dc250p": dc250 | {"content": 100}}


@pytest.mark.parametrize(
    ("name", "generator_steps"), [("deblurgan", 300_000), ("sharingan", 300_000), ("ird_gan", 965_100)]
)
def test_deblurgans_relatives(name, generator_steps):
    experiment = EXPERIMENTS[name]
    paper, training = experiment.paper, experiment.paper.training
    assert (paper.data.crop_px, training.batch_size, training.learning_rate, training.beta_1) == (256, 1, 1e-4, 0.5)
    assert (training.epochs, training.discriminator_steps) == (300, 5)
    assert training.all_generator_steps == generator_steps
    assert paper.generator.widths["output_stddev"] == 0.02
    assert paper.generator_terms[0].loss.features == Perceptual("vgg19", "block3_conv3", relu=False)
    rate = training.optimizer("generator").learning_rate
    schedule = training.schedule.rate(1e-4, 300, 10)
    assert [float(schedule(10 * epoch)) for epoch in (0, 150, 225, 299)] == pytest.approx(
        [1e-4, 1e-4, 5e-5, 1e-4 / 150]
    )
    assert float(rate) == pytest.approx(1e-4)


def test_the_weights_of_their_losses():
    common = {"content": 100, "adversarial": 1}
    sharingan, ird = EXPERIMENTS["sharingan"].paper, EXPERIMENTS["ird_gan"]
    assert weights(sharingan.generator_terms) == common
    assert weights(sharingan.discriminator_terms) == {"minus_wasserstein_gap": 1, "penalty": 100}
    whole = common | {"l1": 170}
    found = {name: weights(paper.generator_terms) for name, paper in ird.variants.items()}
    assert found == {"ird": whole, "no_residual": whole, "no_skip": whole, "no_l1": common}
    assert weights(ird.paper.discriminator_terms) == {"minus_wasserstein_gap": 1, "penalty": 10}


# Recipes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_papers_own_schedule_departs_in_words_only(name):
    from gandeblur.stages.run import choose

    settings = choose(EXPERIMENTS[name], preset="paper")
    assert settings.paper == settings.papers_own
    assert settings.departures == list(settings.papers_own.departures)
    assert choose(EXPERIMENTS[name], preset="paper", epochs=1).departures[0].startswith("generator steps: ")


def test_departures_follow_from_the_numbers():
    from gandeblur.stages.run import choose

    listed = choose(EXPERIMENTS["sharingan"], preset="cpu_hour").departures
    assert listed.pop(6).startswith(
        "photographs: two motions on the sides of a random line, means of light, gamma 1 to 4"
    )
    assert listed[:12] == [
        "generator steps: 1,500 instead of 300,000",
        "batch size: 2 instead of 1",
        "learning rate: 0.0005 instead of 0.0001",
        "schedule: Cosine(floor=0.02) instead of LinearToZero(constant_share=0.5)",
        "discriminator steps: 1 instead of 5",
        "cosine basis: True instead of False",
        "crop px: 96 instead of 256",
        "downsample: 1 instead of 2",
        "generator's output stddev: 0.0001 instead of 0.02",
        "loss content: 5 x VGG19 block3_conv3 before its ReLU instead of 100 x VGG19 block3_conv3 before its ReLU",
        "loss pixel: 5000 x mean_absolute_error(restored, sharp) is added",
        EXPERIMENTS["sharingan"].paper.departures[0],
    ]


def test_a_change_of_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="generator has no depth; it has maps, wide_maps, identity_noise"):
        gan_d.PAPER.generator.with_widths(depth=3)
    with pytest.raises(KeyError, match="no loss is called contnet"):
        changes.replaced(gan_d.PAPER.generator_terms, contnet=gan_d.MSE)


def test_a_change_of_the_discriminator_reaches_it_and_is_a_departure():
    from gandeblur.stages.run import choose

    paper = EXPERIMENTS["dark_channel_gan"].paper
    settings = choose(EXPERIMENTS["dark_channel_gan"], preset="cpu_hour")
    assert settings.paper.discriminator.widths == {**paper.discriminator.widths, "logit_stddev": 1e-3}
    assert "discriminator's logit stddev: 0.001 instead of 0.02" in settings.departures


PHASES = [
    (name, size)
    for name, experiment in EXPERIMENTS.items()
    for size in ("", "large_")
    if f"{size}pixels" in experiment.presets
]


@pytest.mark.parametrize(("name", "size"), PHASES)
def test_the_first_phase_has_no_adversary_and_its_weights_fit_the_second(name, size):
    from gandeblur.stages.run import choose

    first, second = (choose(EXPERIMENTS[name], preset=size + phase) for phase in ("pixels", "adversary"))
    assert first.paper.discriminator is None and not first.paper.discriminator_terms
    assert not any(term.adversarial for term in first.paper.generator_terms)
    assert "no adversary: the generator's other losses train it alone" in first.departures
    assert not any(line.startswith("discriminator") for line in first.departures)
    assert first.paper.generator.widths == second.paper.generator.widths
    assert as_data(first.paper.data) == as_data(second.paper.data)
    if not size:  # what the batch size decides apart, the network is that of the quick schedule, too
        quick = choose(EXPERIMENTS[name], preset="quick").paper.generator.widths
        apart = {"dropout": None, "own_statistics": None}
        assert {**first.paper.generator.widths, **apart} == {**quick, **apart}


@pytest.mark.parametrize("name", ["deblurgan", "sharingan", "ird_gan", "hkust_gan"])
def test_a_second_phase_has_the_paper_s_own_losses(name):
    from gandeblur.stages.run import choose

    first, own = (choose(EXPERIMENTS[name], preset=preset) for preset in ("pixels", "own_losses"))
    assert own.paper.generator_terms == EXPERIMENTS[name].paper.generator_terms
    assert own.paper.discriminator_terms == EXPERIMENTS[name].paper.discriminator_terms
    assert own.paper.generator.widths == first.paper.generator.widths
    assert not any("the pixels lead" in line or line.startswith("loss ") for line in own.departures)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_every_schedule_has_crops_that_its_generator_takes(name, variant):
    experiment = EXPERIMENTS[name]
    for preset in experiment.presets.values():
        paper = preset.of(experiment.variants[variant])
        size = paper.data.crop_px
        assert size % paper.generator.size_multiple == 0
        if variant == "odcnn":  # valid padding: 120 + 15 pixels are lost, 7 of them come back
            assert size == 184


def test_departures_say_nothing_that_the_numbers_contradict():
    """Of HKUST's statistics at test time, and of the size of what its discriminator sees."""
    for preset in EXPERIMENTS["hkust_gan"].presets.values():
        paper, listed = preset.of(hkust_gan.PAPER), preset.departures
        assert any("statistics of the image" in reason for reason in listed) == paper.generator.widths["own_statistics"]
        assert (recipes.SMALL_IMAGES in listed) == (paper.discriminator is not None and paper.data.crop_px < 256)


def test_minutes_take_the_place_of_epochs():
    from gandeblur.stages.run import choose

    listed = choose(EXPERIMENTS["gan_d"], minutes=90.0).departures
    assert listed[0] == "length: 90 minutes instead of 125,000 generator steps"
    assert "schedule: OverTime(floor=0.02) instead of Plateau(factor=0.5, patience=5)" in listed
