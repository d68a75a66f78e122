"""The results of one evaluation: the schema of the file that the report is written from."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from gandeblur.errors import InputError
from gandeblur.files import write_json

VERSION = 2


Scores = dict[str, Any]  # metric -> float; but for PSNR and SSIM None, where the image has none


class ImageScores(TypedDict):
    """One image of a set."""

    name: str  # unique within its set
    scores: dict[str, Scores]  # by method


class SetScores(TypedDict):
    """Scores of every method on one test set, as they are written to a file.

    The metrics are "psnr_db", "ssim", "grid_2px_db", "grid_4px_db", "gradient_energy" and, where it was measured,
    "feature_distance".
    """

    protocol: str  # name of the `metrics.Protocol`
    methods: dict[str, dict[str, Scores]]  # method -> metric -> "mean", "min", "max"; None where no image has a value
    images: list[ImageScores]


@dataclass(frozen=True)
class Trained:
    """How long a network was trained."""

    steps: int  # of the generator
    seconds: float
    images: int  # crops seen, an image counting each time


@dataclass(frozen=True)
class Test:
    """What was restored, and how its images were made."""

    sets: dict[str, int]  # name -> number of images; one scored under two conditions counts once
    conditions: dict[str, str]  # scored set -> its degradation, in words
    seed: int  # of the degradations' noise
    dropout: bool  # whether it is active

    __test__ = False  # no test for pytest to collect


@dataclass(frozen=True)
class PaperTable:
    """The paper's scores, as printed, and which of ours stand for the same."""

    table: str  # "Table 1"
    rows: dict[str, dict[str, list[float]]]  # set -> method -> [psnr_db, ssim]
    ranges: dict[str, dict[str, float]] = field(default_factory=dict)  # metric -> "mean", "min", "max"
    measured: dict[str, str] = field(default_factory=dict)  # the paper's set -> ours, with the same data
    columns: dict[str, str] = field(default_factory=dict)  # our method -> the paper's
    gains: list[list[str]] = field(default_factory=list)  # [row, method, method that it is above], of the paper's text


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that the report says, but for the images.

    Attributes:
        title: of the paper.
        citation: of the paper.
        description: of this evaluation, sentences.
        ours: the method that the report is about, one of `methods`.
        methods: in column order, the degraded "input" first.
        runs: trained method -> its run's description: section -> label -> value; values are text, numbers, bool, None,
            lists and dicts of such.
        training: trained method -> how long.
        test: the test images.
        protocol: how scores were taken, see `metrics.Protocol`.
        weights_sha256: method -> hash of the weights that restored the images.
        commit: of the code; None if it is not known.
        versions: package -> version.
        created: time in ISO 8601.
        sets: set -> its scores.
        detection: set -> result of `detection.evaluate` with the methods "input", ours and "sharp", and others if
            wanted; empty without a detector.
        paper: the paper's scores.
        audit: network -> rows with the keys "layer", "kernel", "stride", "in", "out", "parameters", "verdict", and
            "paper" (its number of parameters) where the paper prints layers.
        history: of our training: "step", and one list per curve, None where nothing was measured ("loss/mse" and
            "loss/adversarial" share the chart "loss"); empty without training.
        version: of this schema.
    """

    title: str
    citation: str
    description: str
    ours: str
    methods: list[str]
    runs: dict[str, dict]
    training: dict[str, Trained]
    test: Test
    protocol: str
    weights_sha256: dict[str, str]
    commit: str | None
    versions: dict[str, str]
    created: str
    sets: dict[str, SetScores]
    detection: dict[str, dict] = field(default_factory=dict)
    paper: PaperTable
    audit: dict[str, list[dict]]
    history: dict[str, list]
    version: int = VERSION

    def to_json(self, path: Path) -> None:
        """Writes the file, whole or not at all. Infinite scores are `Infinity`, which Python's reader takes."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def from_json(cls, path: Path) -> "Results":
        """Reads what `to_json` wrote.

        Raises:
            InputError: there is no such file, it is damaged, or another version wrote it.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file; run --stage=evaluate first") from error
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read ({error}); run --stage=evaluate again") from error
        written_by = content.get("version") if isinstance(content, dict) else None
        if written_by != VERSION:
            age = "a newer" if isinstance(written_by, int) and written_by > VERSION else "an older"
            raise InputError(f"{path}: {age} version wrote it; run --stage=evaluate again")
        try:
            content["training"] = {method: Trained(**values) for method, values in content["training"].items()}
            content["test"] = Test(**content["test"])
            content["paper"] = PaperTable(**content["paper"])
            return cls(**content)
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(f"{path}: not as this version writes it; run --stage=evaluate again") from error
