"""From trained networks and their scores to the typed results that the report is written from."""

import datetime
import re
from collections.abc import Mapping, Sequence

from gandeblur.data.datasets.find import Images
from gandeblur.evaluation.results import PaperTable, Results, SetScores, Test, Trained
from gandeblur.inference.restore import Deblurrer
from gandeblur.stages import audit, provenance
from gandeblur.stages.run import Settings
from gandeblur.training import summaries, weight_files

TEST_SEED = 0  # of the test images' degradation: the same images in every run, whatever its seed


def results_of(
    settings: Settings,
    sets: Sequence[Images],
    networks: Mapping[str, Deblurrer],
    methods: list[str],
    metas: Mapping[str, dict],
    scores: dict[str, SetScores],
    conditions: dict[str, str],
    detections: dict[str, dict],
) -> Results:
    """All that an evaluation found.

    Args:
        settings: of the run.
        sets: of restored images.
        networks: method -> its network, those of other runs included.
        methods: in the order of their columns.
        metas: trained method -> its checkpoint's `meta`.
        scores: set -> its scores.
        conditions: set -> its degradation in words.
        detections: set -> result of `detection.evaluate`.
    """
    paper, parts = settings.paper, settings.named_parts
    words = [f"{one.variant}: {one.paper.description}; {_trained_by(one)}" for one in parts.values()]
    schedule = settings.experiment.presets[settings.preset].description
    return Results(
        title=paper.title,
        citation=paper.citation,
        description=f"{'; '.join(words)}. Schedule {settings.preset}, {schedule}.",
        ours=next(iter(parts)),
        methods=methods,
        runs={name: network.description for name, network in networks.items()},
        training={name: _training(parts[name], meta) for name, meta in metas.items() if meta["epoch"]},
        test=Test(
            sets={images.name: len(images) for images in sets},
            conditions=conditions,
            seed=TEST_SEED,
            dropout=paper.dropout_at_test,
        ),
        protocol=str(paper.protocol),
        weights_sha256={name: weight_files.weights_sha256(network.generator) for name, network in networks.items()},
        commit=provenance.commit(),
        versions=provenance.versions(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        sets=scores,
        detection=detections,
        paper=_paper_table(settings, networks, methods, list(scores)),
        audit=audit.audit(settings.papers_own),
        history=_curves_of_all(metas, paper.training.steps_per_epoch),
    )


def _trained_by(settings: Settings) -> str:
    return f"trained by {settings.paper.trained_by(settings.papers_own)}"


def _training(settings: Settings, meta: dict) -> Trained:
    training = settings.paper.training
    steps = meta["epoch"] * training.steps_per_epoch
    seconds = round(sum(meta["history"].get("epoch_s", [])))
    return Trained(steps * training.generator_steps, seconds, steps * settings.paper.crops_per_step)


def _paper_table(
    settings: Settings, networks: Mapping[str, Deblurrer], methods: Sequence[str], measured: Sequence[str]
) -> PaperTable:
    """The paper's scores, and which of our sets and methods stand for the same."""
    reported, parts = settings.paper.reported, settings.named_parts
    matches = {}
    for row in reported.rows:
        pattern = reported.sets.get(row, re.escape(row))
        own = next((name for name in measured if re.fullmatch(pattern, name, re.IGNORECASE)), None)
        if own:
            matches[row] = own
    theirs = {method: method for method in methods}
    for name, network in networks.items():
        experiment = network.description["paper"]["experiment"]
        theirs[name] = parts[name].paper.ours if name in parts else reported.columns.get(experiment, name)
    printed = {method.casefold(): method for row in reported.rows.values() for method in row}
    columns = {name: printed[one.casefold()] for name, one in theirs.items() if one.casefold() in printed}
    return PaperTable(
        table=reported.table,
        rows={name: {method: list(pair) for method, pair in row.items()} for name, row in reported.rows.items()},
        ranges={metric: dict(values) for metric, values in reported.ranges.items()},
        measured=matches,
        columns=columns,
        gains=[list(gain) for gain in reported.gains],
    )


def _curves(history: dict, steps_per_epoch: int) -> dict[str, list]:
    """The history under the names by which the report groups curves into charts; {} without training."""
    if not history:
        return {}
    curves = {summaries.tag(name): values for name, values in history.items()}
    shown = {name: values for name, values in curves.items() if not name.startswith(("speed/", "data/", "validation/"))}
    return {
        "step": [steps_per_epoch * (epoch + 1) for epoch in range(len(history["val_loss"]))],
        **shown,
        "loss/validation": curves["validation/loss"],
        "val_psnr_db": curves["validation/psnr_db"],
    }


def _curves_of_all(metas: Mapping[str, dict], steps_per_epoch: int) -> dict[str, list]:
    """The curves of one run; of several side by side, the validation PSNR of each."""
    curves = {name: _curves(meta["history"], steps_per_epoch) for name, meta in metas.items()}
    if len(curves) == 1:
        return next(iter(curves.values()))
    steps = max((own["step"] for own in curves.values()), key=len)
    psnr = {
        f"val_psnr_db/{name}": own["val_psnr_db"] + [None] * (len(steps) - len(own["step"]))
        for name, own in curves.items()
    }
    return {"step": steps, **psnr}
