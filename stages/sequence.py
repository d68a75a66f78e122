"""The stages of a run in their order, each a function of the settings:

    audit      the built networks against the paper
    train      files -> crops -> degradation -> batches -> train step -> checkpoint
    evaluate   restored test images -> scores -> results.json
    report     results.json -> report.html

Inputs of later stages are looked at before the first one: a wrong folder must not show after hours of training.
"""

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gandeblur.data import service
from gandeblur.errors import InputError
from gandeblur.evaluation.detectors import load_detector
from gandeblur.evaluation.report import write_report
from gandeblur.evaluation.results import Results
from gandeblur.inference.restore import Deblurrer
from gandeblur.models.layers import hardware
from gandeblur.stages import audit, inputs, opening, record
from gandeblur.stages.run import Settings
from gandeblur.stages.score import evaluate, print_scores
from gandeblur.stages.train import loaded_terms, plan, train
from gandeblur.training import checkpoint, devices, workers

STAGES = ("audit", "train", "evaluate", "report")


def run(settings: Settings, stages: Collection[str] = STAGES) -> Results | None:
    """Runs these of the `STAGES`; of all variants side by side, each that trains.

    Of several workers, all but the chief only train.

    Returns:
        The results of the evaluation, if there was one.

    Raises:
        InputError: something in the settings, the data or the work folder is wrong.
    """
    if not settings.is_chief:
        stages = [stage for stage in stages if stage == "train"]
    strategy = _prepare(settings, "train" in stages)
    training = "train" in stages and not settings.weights
    sets = inputs.test_images(settings) if "evaluate" in stages else []
    detector = load_detector(settings.detector) if settings.detector and "evaluate" in stages else None
    beside = _beside(settings) if "evaluate" in stages else {}
    for part in settings.parts:
        if part.weights:
            _check_weights(part)
        if training:
            plan(part, record.describe(part), checkpoint.peek(part.checkpoint_path))
            if len(settings.parts) > 1:  # of one, the training asks soon enough
                loaded_terms(part)
    if "audit" in stages:
        # Variants that differ in losses only have one audit.
        networks = {str(part.papers_own.networks): part for part in settings.parts}
        for part in networks.values():
            audit.print_audit(part.papers_own, with_summary=len(stages) == 1)
    if training:
        others = settings.cluster.others if settings.cluster else {}
        with workers.watched(others, settings.worker_timeout, devices.abort_step):
            for part in settings.parts:
                train(part, strategy)
            devices.of_all(strategy, [0])  # nobody leaves before all are here
    results = None
    if "evaluate" in stages:
        results = evaluate(settings, sets, beside, detector)
        print_scores(results)
    if "report" in stages:
        print(f"report: {report(settings).resolve()}")
    return results


def report(settings: Settings) -> Path:
    """Writes the page about what the evaluation found, and returns its path."""
    results = Results.from_json(settings.results_path)
    if not settings.named_parts.keys() <= results.runs.keys():
        held = ", ".join(results.runs)
        raise InputError(f"{settings.results_path}: holds {held}, not {settings.variant}; choose another --workdir")
    write_report(results, settings.image_folder, settings.report_path)
    return settings.report_path


def serve(settings: Settings) -> None:
    """Reads and degrades images for trainings by the same command, until it is interrupted."""
    if len(settings.data_service) != 1:
        raise InputError("--stage=serve: give --data_service=grpc://host:port, by which trainers reach this machine")
    tf.config.set_visible_devices([], "GPU")  # images are read on the CPU
    sets = [training for training, _ in inputs.training_images(settings)]
    address = settings.data_service[0]
    server = service.serve(address, inputs.reading(settings, sets), inputs.what_is_read(settings, sets))
    print(f"{address}: serves {inputs.named(sets)}; Ctrl-C ends it", flush=True)
    try:
        while server:
            time.sleep(1)
    except KeyboardInterrupt:
        print(f"{address}: stopped")


def _prepare(settings: Settings, trains: bool) -> Any:
    """Devices and precision of the whole process; returns the distribution strategy, None for one device."""
    cluster = settings.cluster if trains else None
    try:
        if cluster and keras.backend.backend() == "tensorflow":
            workers.join(cluster)
        batch_size = settings.paper.training.batch_size if trains else None
        strategy = devices.strategy(settings.devices, cluster, batch_size)
    except ValueError as error:
        raise InputError(str(error)) from error
    if keras.backend.backend() != "tensorflow":
        tf.config.set_visible_devices([], "GPU")  # tf.data must not take the accelerator's memory
    keras.config.set_dtype_policy(hardware.dtype_policy(settings.precision))
    hardware.warn_if_emulated(settings.precision)
    return strategy


def _check_weights(settings: Settings) -> None:
    paper = settings.paper
    record.load_generator(settings.weights_path, paper.generator.build(paper.data.crop_px))


def _beside(settings: Settings) -> dict[str, Deblurrer]:
    """Name -> network of the other runs that are scored too: the paper's name for it, or its folder's."""
    found = {}
    for path in map(Path, settings.beside):
        network = opening.deblurrer(path)
        experiment = network.description["paper"]["experiment"]
        name = settings.paper.reported.columns.get(experiment, path.name)
        if name in found or name in settings.named_parts:
            name = str(path)
        found[name] = network
    return found
