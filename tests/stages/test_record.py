"""What a run says of itself: compared as data, and read in the format of before."""

import copy
import json

import pytest
import tiny_experiment

import gandeblur
from gandeblur.errors import InputError
from gandeblur.stages import record
from gandeblur.stages.run import choose
from gandeblur.stages.train import Plan, plan
from gandeblur.weights import FOLDER


def settings(**choices):
    return choose(tiny_experiment.EXPERIMENT, workdir="unused", **choices)


def of_format_1(described):
    """A description as it was written before there was an identity."""
    told = copy.deepcopy(described)
    del told["identity"], told["paper"]["trained_by"]
    if told["training"]["epochs"] is None:
        told["training"]["epochs"] = 1_000_000
    return told | {"format": 1}


def test_words_and_lengths_are_no_difference_but_numbers_are():
    held = record.describe(settings(minutes=3.0))
    for changes in ({"minutes": 9.0}, {"vgg_weights": "elsewhere.npz"}, {"devices": "cpu:2"}):
        assert record.difference(held, record.describe(settings(**{"minutes": 3.0} | changes))) is None
    reworded = copy.deepcopy(held)
    reworded["paper"]["title"] = reworded["training"]["schedule"] = reworded["losses"]["generator"][0] = "other words"
    assert record.difference(reworded, record.describe(settings(minutes=3.0))) is None
    assert record.difference(held, record.describe(settings(minutes=3.0, seed=7))) == "run.seed=0, not 7"
    found = record.difference(held, record.describe(settings(minutes=3.0, accumulate=2)))
    assert found == "training.accumulate=left out, not 2"


@pytest.mark.parametrize("choices", [{}, {"minutes": 3.0}, {"ema": 0.5, "train_data": ["x"], "blurred": "blur"}])
def test_a_run_of_format_1_goes_on_if_its_words_and_numbers_are_those_of_today(choices):
    asked = record.describe(settings(**choices))
    meta = {"run": of_format_1(asked), "epoch": 2, "schedule": {"spent_s": 0.0, "epoch_s": 0.0}}
    assert plan(settings(**choices), asked, meta) == Plan(done=2, over=False)
    other = settings(**choices, batch_size=4)
    with pytest.raises(InputError, match=r"checkpoint.npz: holds a run with training.batch_size=2, not 4; choose"):
        plan(other, record.describe(other), meta)


def test_a_card_of_format_1_opens_and_is_upgraded(tmp_path):
    card = json.loads((FOLDER / "ird_gan.json").read_text())
    assert card["format"] == record.FORMAT and card["paper"]["trained_by"] == "pixels"
    old = copy.deepcopy(card) | {"format": 1}
    del old["paper"]["trained_by"]
    old["training"]["epochs"] = 1_000_000
    for phase in old["weights"]["phases"]:
        del phase["trained_by"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    (tmp_path / "old.npz").write_bytes((FOLDER / "ird_gan.npz").read_bytes())
    assert gandeblur.load(tmp_path / "old.npz").description == card
    record.main([str(tmp_path / "old.json")])
    assert json.loads((tmp_path / "old.json").read_text()) == card


def test_what_trains_a_generator_is_said_in_kinds():
    paper = tiny_experiment.EXPERIMENT.paper
    assert paper.trained_by(paper) == "the paper's losses"
    assert record.describe(settings())["paper"]["trained_by"] == "the paper's losses"


def test_what_is_left_is_decided_by_the_checkpoint_alone():
    own = settings()
    described = record.describe(own)
    meta = {"run": described, "epoch": 2, "schedule": {}}
    assert plan(own, described, None) == Plan(done=0, over=False)
    assert plan(own, described, meta) == Plan(done=2, over=False)
    assert plan(own, described, meta | {"epoch": 3}) == Plan(done=3, over=True)
    with pytest.raises(InputError, match="holds a run; choose another --workdir to start anew"):
        plan(settings(resume=False), described, meta)
