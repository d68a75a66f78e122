import os

import numpy as np
import pytest

from gandeblur.data import pipeline
from gandeblur.data.datasets import benchmarks
from gandeblur.data.images import to_uint8
from gandeblur.evaluation import metrics
from gandeblur.experiments.gan_d import DEGRADATIONS, PAPER


@pytest.mark.skipif(
    "GANDEBLUR_BENCHMARKS" not in os.environ, reason="GANDEBLUR_BENCHMARKS names no folder of test sets"
)
def test_the_degraded_input_scores_as_the_reading_measured():
    expected = {"set5": 17.05, "set14": 16.10, "bsd100": 17.19}
    for image_set in benchmarks.benchmark_sets(os.environ["GANDEBLUR_BENCHMARKS"]):
        source = pipeline.Source(image_set, DEGRADATIONS)
        stream = pipeline.evaluation_stream(source, size_px=128, batch_size=1, seed=0)
        scores = [
            metrics.psnr_db(*(to_uint8(side[0], (0, 1)) for side in pair), PAPER.protocol)
            for pair in stream.as_numpy_iterator()
        ]
        assert np.mean(scores) == pytest.approx(expected[image_set.name], abs=0.15)
