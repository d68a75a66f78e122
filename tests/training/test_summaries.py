import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_gan as tiny

from gandeblur.training import progress, summaries


def test_tensorboard_holds_scalars_strips_text_and_graph(tmp_path):
    data = tiny.batches(2)
    model = tiny.gan()
    tiny.fit(
        model,
        data,
        [progress.Timer(images_per_epoch=8), summaries.TensorBoard(tmp_path, "# what this is", data[0][:, :2])],
    )
    found = {}
    for file in tmp_path.iterdir():
        for record in tf.data.TFRecordDataset([str(file)]):
            event = tf.compat.v1.Event.FromString(record.numpy())
            if event.graph_def:
                found["graph"] = event.graph_def
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, tf.make_ndarray(value.tensor)))
    for tag in (
        "loss/mse",
        "loss/adversarial",
        "loss/discriminator",
        "gradient_norm/generator",
        "gradient_share/mse",
        "gradient_share/adversarial",
        "gradient_norm/discriminator",
        "learning_rate/generator",
        "learning_rate/discriminator",
        "speed/images_per_s",
        "speed/data_wait_share",
        "validation/loss",
        "validation/psnr_db",
    ):
        steps, values = zip(*found[tag], strict=True)
        assert steps == (1, 2), tag
        assert np.isfinite(values).all(), tag
    assert found["learning_rate/generator"][0][1] == pytest.approx(0.05)
    (step, images), _ = found["degraded | restored | sharp"]
    width, height, *strips = images
    assert (step, int(width), int(height), len(strips)) == (1, 3 * tiny.SIDE_PX, tiny.SIDE_PX, 2)
    strip = tf.io.decode_png(strips[0]).numpy()
    expected = np.round(255 * np.concatenate([data[0][0, 0], data[0][1, 0]], axis=1))
    ours = np.concatenate([strip[:, : tiny.SIDE_PX], strip[:, -tiny.SIDE_PX :]], axis=1)
    assert np.abs(ours.astype(int) - expected).max() <= 1
    assert found["experiment"][0][1].item() == b"# what this is"
    if keras.backend.backend() == "tensorflow":
        assert b"conv_16x16" in found["graph"]


def test_a_description_becomes_markdown():
    told = {
        "paper": {"title": "A paper", "experiment": "x"},
        "identity": {"x": 1},
        "departures": ["one", "two"],
        "commit": None,
    }
    assert summaries.markdown(told).splitlines() == [
        "# A paper",
        "## paper",
        "- title: A paper",
        "- experiment: x",
        "## departures",
        "- one",
        "- two",
        "## commit",
        "- None",
    ]
