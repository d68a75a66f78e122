"""One table for all: every network on the same test images under one protocol; the command `gandeblur compare`."""

import copy
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from gandeblur.data import pipeline
from gandeblur.errors import InputError
from gandeblur.evaluation import detection, scoring
from gandeblur.evaluation.detectors import load_detector
from gandeblur.evaluation.scoring import FEATURE_DISTANCE, GRADIENT_ENERGY
from gandeblur.experiments.papers import find
from gandeblur.experiments.spec import PAPERS_OWN
from gandeblur.files import write_json
from gandeblur.inference.restore import Deblurrer
from gandeblur.stages import inputs, opening, provenance, publish, record
from gandeblur.stages.features import FeatureDistance
from gandeblur.stages.run import Settings, choose
from gandeblur.stages.score import keeper, pairs, stored
from gandeblur.training import weight_files
from gandeblur.weights import names

FILE = "comparison.json"
LOOKS = {GRADIENT_ENERGY: "gradient energy", FEATURE_DISTANCE: "feature distance, closed"}  # where they were measured
_TRAINED_ON_IT = " *"
_TOLD = ["the detector's own objectness"]


def compare(settings: Settings, networks: Mapping[str, Deblurrer], out: Path) -> dict:
    """Scores networks, the degraded input and the paper's baselines, all on the settings' test images.

    Args:
        settings: the test images, their conditions, the protocol and the detector.
        networks: name -> network.
        out: folder for `comparison.json` and the pictures.

    Returns:
        What the file holds: "protocol"; "precision"; "methods", in the order of the rows; "networks", name -> title,
        parameters, seconds_per_megapixel (of all images but the first of each size, which compiles; None if there
        are no others; alone on the machine, if it is to mean anything), hash of the weights, phases of the training;
        "sets" and "detection", as in `evaluation.results.Results`, detections without the single images.

    Raises:
        InputError: no test image, or a bad one.
    """
    detector = load_detector(settings.detector) if settings.detector else None
    features = FeatureDistance(settings.vgg_weights) if settings.vgg_weights else None
    clocks = {name: _Clock(network.restore) for name, network in networks.items()}
    methods: dict[str, Callable[[np.ndarray], np.ndarray]]
    methods = {"input": lambda image: image, **settings.paper.baselines, **clocks}
    scores, found = {}, {}
    for name, condition, source in inputs.scored(settings, inputs.test_images(settings)):
        with pipeline.input_errors():
            keep = keeper(out / "images", name)
            scores[name] = scoring.score_set(methods, pairs(source, condition), settings.paper.protocol, keep, features)
        if detector:
            shown = (*methods, "sharp")
            found[name] = detection.evaluate(detector, stored(out / "images", name, scores[name], shown))
            del found[name]["images"]  # every box of every image: megabytes
        print(f"scored {name}: {len(source.images)} images", flush=True)
    results = {
        "protocol": str(settings.paper.protocol),
        "features": str(features) if features else None,
        "precision": settings.precision,
        "commit": provenance.commit(),
        "methods": list(methods),
        "networks": {
            name: {
                "title": network.description["paper"]["title"],
                "parameters": network.generator.count_params(),
                "seconds_per_megapixel": clocks[name].seconds_per_megapixel,
                "sha256": weight_files.weights_sha256(network.generator),
                "phases": network.description.get("weights", {}).get("phases", []),
                **_trained_alike(network.description),
            }
            for name, network in networks.items()
        },
        "sets": scores,
        "detection": found,
    }
    write_json(out / FILE, results)
    return results


def rows(results: Mapping) -> list[list[str]]:
    """The table: a head, and a row for the input, for each baseline, each network, and each group of seeds."""
    head = ["method", "trained by", "parameters", "training, crops", "s / megapixel"]
    for name in results["sets"]:
        head += [f"{name}: PSNR dB / SSIM", "gain, dB", "2 px grid, dB"]
        head += [title for metric, title in LOOKS.items() if metric in results["sets"][name]["methods"]["input"]]
        if name in results["detection"]:
            head += ["F1 of detections", "objectness", *_TOLD * _tells(results, name)]
    table = [head]
    for method in results["methods"]:
        row = [method, "", "", "", ""]
        if method in results["networks"]:
            network = results["networks"][method]
            crops = sum(phase["images"] for phase in network["phases"])
            speed = network["seconds_per_megapixel"]
            parameters = f"{network['parameters'] / 1e6:.2f} M"
            row[1:] = [record.trained_by(network["phases"]), parameters, f"{crops:,}" if crops else "-"]
            row.append(f"{speed:.1f}" if speed else "-")
        for name, scored in results["sets"].items():
            own, blurred = scored["methods"][method], scored["methods"]["input"]
            psnr, gain = own["psnr_db"]["mean"], own["psnr_db"]["mean"] - blurred["psnr_db"]["mean"]
            grid = own["grid_2px_db"]["mean"]
            row += [f"{psnr:.2f} / {own['ssim']['mean']:.3f}", f"{gain:+.2f}" if method != "input" else ""]
            row += ["-" if grid is None else f"{grid:.1f}"]
            if GRADIENT_ENERGY in own:
                energy = own[GRADIENT_ENERGY]["mean"]
                row += ["-" if energy is None else f"{energy:.2f}"]
            if FEATURE_DISTANCE in own:
                distance, before = own[FEATURE_DISTANCE]["mean"], blurred[FEATURE_DISTANCE]["mean"]
                closed = f", {1 - distance / before:.0%}" if method != "input" and before else ""
                row += [f"{distance:.3f}{closed}{_TRAINED_ON_IT * _saw_features(results, method)}"]
            if name in results["detection"]:
                found = results["detection"][name]["methods"][method]
                metrics = ["f1", "object_score"] + ["objectness"] * _tells(results, name)
                row += ["-" if found[one] is None else f"{found[one]:.3f}" for one in metrics]
        table.append(row)
    return [*table, *_over_seeds(results)]


def _trained_alike(description):
    """A run's seed, and a hash of the rest of its identity; nothing for a published network, which states none."""
    if "identity" not in description:
        return {}
    identity = copy.deepcopy(description["identity"])
    seed = identity["run"].pop("seed")
    alike = json.dumps([description["paper"]["experiment"], identity, description["training"]["length"]])
    return {"seed": seed, "alike": hashlib.sha256(alike.encode()).hexdigest()[:16]}


def _over_seeds(results):
    """A row for each group of runs that differ in the seed alone: the mean, and the lowest and highest PSNR."""
    groups: dict[str, dict[int, str]] = {}
    for name, network in results["networks"].items():
        if "alike" in network:
            groups.setdefault(network["alike"], {})[network["seed"]] = name
    added = []
    for group in groups.values():
        if len(group) < 2:
            continue
        row = [f"mean of {len(group)} seeds: {', '.join(group.values())}", "", "", "", ""]
        for name, scored in results["sets"].items():
            means = [scored["methods"][network] for network in group.values()]
            psnr, ssim = ([one[metric]["mean"] for one in means] for metric in ("psnr_db", "ssim"))
            gain = np.mean(psnr) - scored["methods"]["input"]["psnr_db"]["mean"]
            row += [f"{np.mean(psnr):.2f} ({min(psnr):.2f} to {max(psnr):.2f}) / {np.mean(ssim):.3f}", f"{gain:+.2f}"]
            row += [""] * (_columns(results, name) - 2)
        added.append(row)
    return added


def _columns(results, set_name):
    """How many columns a set has."""
    own = results["sets"][set_name]["methods"]["input"]
    detected = 2 + _tells(results, set_name) if set_name in results["detection"] else 0
    return 3 + sum(metric in own for metric in LOOKS) + detected


def _saw_features(results, method):
    """Whether a method's training took VGG's features for a loss: then their distance is no judge of its own."""
    phases = results["networks"].get(method, {}).get("phases", [])
    return any("VGG" in loss for phase in phases for loss in phase["losses"])


def _tells(results, set_name):
    """Whether the detector tells how sure it is of any object, beside the score of a class."""
    return "objectness" in results["detection"][set_name]["methods"]["input"]


class _Clock:
    """Calls a function and sums up the time and the megapixels, but for the first image of a size, which compiles."""

    def __init__(self, restore: Callable[[np.ndarray], np.ndarray]):
        self.restore = restore
        self.sizes: set[tuple[int, ...]] = set()
        self.seconds, self.megapixels = 0.0, 0.0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        restored = self.restore(image)
        if image.shape in self.sizes:
            self.seconds += time.perf_counter() - started
            self.megapixels += image.shape[0] * image.shape[1] / 1e6
        self.sizes.add(image.shape)
        return restored

    @property
    def seconds_per_megapixel(self) -> float | None:
        return self.seconds / self.megapixels if self.megapixels else None


def _open(models: list[str], precision: str) -> dict[str, Deblurrer]:
    networks = {}
    for model in models:
        path = Path(model)
        network = opening.deblurrer(path, precision)
        if path.is_dir():
            network.description["weights"] = {"phases": publish.phases(path)}
        name = path.name.removesuffix(".npz").removesuffix(".weights.h5")
        networks[name if name not in networks else model] = network
    return networks


def main(models: Sequence[str], conditions: str, out: Path, **given: Any) -> None:
    """Opens the networks, compares them, and prints the table.

    Args:
        models: names, run folders or weights files; empty: all in weights/.
        conditions: experiment whose degradations and protocol are used.
        out: folder for `comparison.json` and the restored pictures.
        given: options of `run.Settings`: what is restored, the detector, VGG19's weights, the precision.

    Raises:
        InputError: no such experiment, network or test image.
    """
    experiment = find(conditions)
    networks = _open(list(models) or names(), given["precision"] or "float32")
    if not networks:
        raise InputError("weights/: holds no network; name run folders")
    # The conditions of the paper's own test.
    results = compare(choose(experiment, workdir=out, preset=PAPERS_OWN, **given), networks, out)
    head, *body = rows(results)
    table = Table(*head, title=results["protocol"].split(":")[0])
    for row in body:
        table.add_row(*row)
    Console(width=max(120, Console().width)).print(table)
    print(out / FILE)
