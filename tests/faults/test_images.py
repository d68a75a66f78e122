"""Damaged images in the middle of an epoch: named, or skipped and counted."""

import functools
import json

import numpy as np
import pytest
from PIL import Image

from gandeblur.data import pipeline
from gandeblur.data.datasets import ImageSet
from gandeblur.data.pipeline import Source, evaluation_stream, input_errors, training_stream
from gandeblur.errors import InputError
from gandeblur.stages import inputs
from gandeblur.training import checkpoint, progress


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 256, (40, 44, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def truncate(path):
    path.write_bytes(path.read_bytes()[:-2000])


def no_header(path):
    path.write_bytes(b"no image")


def collected(images, skipped=None, *, start_step=0, workers=None, cache_bytes=0):
    stream = training_stream(
        [Source(images, skipped=skipped)],
        crop_px=16,
        batch_size=3,
        seed=5,
        start_step=start_step,
        total_steps=8,
        workers=workers,
        cache_bytes=cache_bytes,
    )
    return np.concatenate([sharp for _, sharp, _ in stream.as_numpy_iterator()])


@pytest.mark.parametrize("damage", [truncate, no_header])
@pytest.mark.parametrize("cache_bytes", [0, 2**30])
def test_the_next_readable_image_takes_the_place_whatever_the_threads_and_the_start(damage, cache_bytes, photographs):
    paths = tuple(sorted(photographs.iterdir()))
    damaged = ImageSet("set", paths)
    instead = ImageSet("set", tuple(paths[k] for k in (0, 1, 4, 4, 4, 0)))
    expected = collected(instead)
    for number in (2, 3, 5):
        damage(paths[number])
    for workers in (1, 4):
        for start_step in (0, 5):
            skipped = {}
            found = collected(damaged, skipped, start_step=start_step, workers=workers, cache_bytes=cache_bytes)
            np.testing.assert_array_equal(found, expected[3 * start_step :])
            assert skipped.keys() <= {str(paths[number]) for number in (2, 3, 5)}
    skipped = {}
    collected(damaged, skipped, cache_bytes=cache_bytes)
    assert skipped.keys() == {str(paths[number]) for number in (2, 3, 5)}
    assert skipped[str(paths[2])].startswith(f"{paths[2]}: cannot be read (")
    validation = evaluation_stream(Source(damaged, skipped={}), size_px=16, batch_size=6, seed=0)
    (images,) = [sharp for _, sharp in validation.as_numpy_iterator()]
    np.testing.assert_array_equal(images[2:5], np.repeat(images[4:5], 3, axis=0))


def test_without_the_flag_and_without_a_readable_image_the_file_is_named(photographs):
    paths = tuple(sorted(photographs.iterdir()))
    truncate(paths[1])
    with pytest.raises(InputError, match="1.png: cannot be read"), input_errors():
        collected(ImageSet("set", paths))
    with pytest.raises(InputError, match="1.png: cannot be read"), input_errors():
        collected(ImageSet("set", paths[1:2]), {})


def test_an_image_too_small_for_the_crop_is_not_skipped(photographs):
    Image.new("RGB", (10, 10)).save(photographs / "3.png")
    with pytest.raises(InputError, match="3.png: is 10x10, smaller than the 16x16 crop"):
        collected(ImageSet("set", tuple(sorted(photographs.iterdir()))), {})


def test_a_training_stops_at_it_or_counts_it_and_goes_on(photographs, train, eagerly, tmp_path, monkeypatch, capsys):
    # As if the images did not fit into memory: else all are decoded before the first step.
    monkeypatch.setattr(inputs.pipeline, "training_stream", functools.partial(pipeline.training_stream, cache_bytes=0))
    path = photographs / "1.png"
    truncate(path)
    run = tmp_path / "run"
    with pytest.raises(InputError, match=f"^{path}: cannot be read .*; replace the file or remove it$"):
        train(run, epochs=2, train_data=[photographs])
    assert "training on" in capsys.readouterr().out and not (run / "checkpoint.npz").exists()
    train(run, epochs=2, train_data=[photographs], skip_corrupt=True)
    said = capsys.readouterr()
    assert said.err == f"skipped: {path}: cannot be read (image file is truncated); replace the file or remove it\n"
    assert said.out.count("  skipped files: 1\n") >= 1
    history = checkpoint.read_meta(run / "checkpoint.npz")["history"]
    assert history["skipped_files"][-1] == 1
    told = json.loads((run / "run.json").read_text())
    assert list(told["skipped"]) == [str(path)] and told["settings"]["skip_corrupt"]


def test_what_earlier_sittings_found_still_counts_and_is_not_named_again(capsys):
    skipped, logs = {"b": "b: is damaged", "c": "c: is damaged"}, {}
    count = progress.Skipped(skipped, checkpoint.RunLog({"skipped": {"a": "a: was damaged", "b": "b: is damaged"}}))
    count.on_epoch_end(0, logs)
    assert logs == {"skipped_files": 3} and list(count.run["skipped"]) == ["a", "b", "c"]
    assert capsys.readouterr().err == "skipped: c: is damaged\n"
