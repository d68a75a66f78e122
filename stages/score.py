"""Scoring: restores every test image by every method, keeps the pictures, and writes `results.json`."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from gandeblur.data import pipeline
from gandeblur.data.crops import Source
from gandeblur.data.datasets.find import Images
from gandeblur.data.datasets.shrunk import Shrunk
from gandeblur.data.degradations import in_words
from gandeblur.data.images import read_image, to_uint8
from gandeblur.errors import InputError
from gandeblur.evaluation import detection, pictures, scoring
from gandeblur.evaluation.detectors import Detector
from gandeblur.evaluation.report import gains
from gandeblur.evaluation.results import Results, SetScores
from gandeblur.experiments.spec import Condition
from gandeblur.inference.restore import Deblurrer
from gandeblur.stages import inputs, record
from gandeblur.stages.results import TEST_SEED, results_of
from gandeblur.stages.run import Settings
from gandeblur.training import checkpoint


def evaluate(
    settings: Settings, sets: Sequence[Images], beside: dict[str, Deblurrer], detector: Detector | None = None
) -> Results:
    """Scores what the settings trained, the baselines, and others' networks; writes `scores.csv` and `results.json`.

    Args:
        settings: of one variant, or of all of them side by side.
        sets: of images to restore, see `inputs.test_images`.
        beside: name -> another network.
        detector: judges the pictures by its detections; None: no such judge.

    Raises:
        InputError: there is no trained generator, or it is of another run.
    """
    parts = settings.named_parts
    opened = {name: _trained(part) for name, part in parts.items()}
    trained = {name: network for name, (network, _) in opened.items()}
    metas = {name: meta for name, (_, meta) in opened.items()}
    networks = {**beside, **trained}
    methods: dict[str, Callable[[np.ndarray], np.ndarray]] = {"input": lambda image: image, **settings.paper.baselines}
    methods |= {name: network.restore for name, network in networks.items()}

    scores, conditions, found = {}, {}, {}
    for name, condition, source in inputs.scored(settings, sets):
        started = time.monotonic()
        with pipeline.input_errors():
            keep = keeper(settings.image_folder, name)
            scores[name] = scoring.score_set(methods, pairs(source, condition), settings.paper.protocol, keep)
        conditions[name] = _in_words(condition, source)
        print(f"scored {name}: {len(source.images)} images in {time.monotonic() - started:.0f} s", flush=True)
    if detector:
        shown = ("input", next(iter(trained)), "sharp")
        for name in scores:
            found[name] = detection.evaluate(detector, stored(settings.image_folder, name, scores[name], shown))
            print(f"detected objects in {name}", flush=True)

    results = results_of(settings, sets, networks, list(methods), metas, scores, conditions, found)
    settings.workdir.mkdir(parents=True, exist_ok=True)
    scoring.write_csv(scores, settings.workdir / "scores.csv")
    results.to_json(settings.results_path)
    return results


def print_scores(results: Results) -> None:
    """Prints the table of scores, and the table of detections if there is one."""
    table = Table(title=f"{results.protocol.split(':')[0]}: PSNR dB / SSIM")
    table.add_column("method")
    for name in results.sets:
        table.add_column(name, justify="right", overflow="fold")
    for method in results.methods:
        means = [scores["methods"][method] for scores in results.sets.values()]
        table.add_row(method, *(f"{m['psnr_db']['mean']:.2f} / {m['ssim']['mean']:.3f}" for m in means))
    Console().print(table)
    for gain in gains(results):
        ours = "not measured" if gain["ours"] is None else f"{gain['ours']:+.2f} dB"
        words = f"{gain['method']} over {gain['over']} on {gain['row']}"
        print(f"{words}: {gain['paper']:+.2f} dB in the paper, here {ours}")
    for name, found in results.detection.items():
        print(f"{name}: objects as {found['detector']} finds them")
        table = Table("", *found["methods"])
        for metric in found["methods"]["sharp"]:
            table.add_row(metric, *(_cell(values[metric]) for values in found["methods"].values()))
        Console().print(table)


def _cell(value):
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def _trained(settings: Settings) -> tuple[Deblurrer, dict]:
    """The generator of one variant, and the `meta` of its checkpoint."""
    paper = settings.paper
    keras.utils.set_random_seed(TEST_SEED)  # of dropout at test time
    if not settings.weights and not checkpoint.exists(settings.checkpoint_path):
        raise InputError(f"{settings.workdir}: holds no trained generator; run --stage=train first")
    if not settings.weights:
        card = record.read(settings.workdir)
        held = {"experiment": card["paper"]["experiment"], **card["generator"]}
        differs = record.first_difference(held, {"experiment": paper.name, **record.generator(settings)})
        if differs:
            raise InputError(f"{settings.workdir}: holds a network with {differs}; choose another --workdir")
    generator = paper.generator.build(paper.data.crop_px)
    meta = record.load_generator(settings.weights_path, generator)
    if settings.weights:
        meta = {"epoch": 0, "history": {}}  # no training of this run's
        card = record.of_weights(settings.weights_path)
        if card.get("paper", {}).get("experiment") != paper.name:
            card = record.describe(settings)
    return Deblurrer(generator, paper.value_range, paper.generator.size_multiple, paper.dropout_at_test, card), meta


def pairs(source: Source, condition: Condition) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, degraded, sharp) as 8-bit arrays, one image at a time."""
    stream = pipeline.evaluation_stream(source, size_px=condition.size_px, batch_size=1, seed=TEST_SEED)
    for name, (degraded, sharp) in zip(source.images.names, stream.as_numpy_iterator(), strict=True):
        yield name, to_uint8(degraded[0], (0, 1)), to_uint8(sharp[0], (0, 1))


def keeper(folder: Path, set_name: str) -> Callable[[str, str, np.ndarray], None]:
    def keep(name, method, restored):
        path = pictures.image_path(folder, set_name, name, method)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(restored).save(path)

    return keep


def stored(folder: Path, set_name: str, scores: SetScores, methods: Sequence[str]) -> Iterator[tuple[str, dict]]:
    """(image name, method -> stored image) of a scored set."""
    for image in scores["images"]:
        paths = {method: pictures.image_path(folder, set_name, image["name"], method) for method in methods}
        yield image["name"], {method: read_image(path) for method, path in paths.items()}


def _in_words(condition: Condition, source: Source) -> str:
    shrunk = ""
    if isinstance(source.images, Shrunk):
        shrunk = f"; shrunk by {source.images.factor} ({'bicubic' if source.images.bicubic else 'means'})"
    size = f"; resized (bicubic) to {condition.size_px}x{condition.size_px}" if condition.size_px else ""
    return in_words(source.degradations) + shrunk + size
