"""Makes two small files of a finished run, to pass on: the generator's weights, and a card that describes them.

Published weights of 16 bits become 8 in the same way.
"""

import sys
from pathlib import Path

from gandeblur.errors import InputError
from gandeblur.files import write_json
from gandeblur.stages import opening, record
from gandeblur.training import checkpoint, differences, weight_files


def publish(run: Path, target: Path, bits: int, start_share: float = 0.0, step: float | None = None) -> None:
    """Writes `NAME.npz`, see `weight_files.save_small_weights` or `differences.save`, and `NAME.json`, the run's
    description, to be opened by `gandeblur.load`.

    The card holds no path of this machine: data are named by their folders' names. Its part "weights" holds the hash of
    the weights as they are loaded, and of each phase of the training (`--start`) the schedule, data, steps, seconds,
    crops and commit.

    Args:
        run: folder of a run, or a published `NAME.npz` of more bits.
        target: `NAME.npz`, which must not exist, nor `NAME.json`.
        bits: 8 or 16, per number of a kernel.
        start_share: in [0, 1): the mean of the weights with which the run began, by this share, and of its own is
            written. A training may gain on one kind of blur and lose on another: 0.5 halves both (Wortsman et al.,
            "Robust fine-tuning of zero-shot models", CVPR 2022).
        step: the kernels' differences from the seed's initial ones are written in multiples of it, in place of the
            kernels in `bits`; see `differences.save`.

    Raises:
        InputError: there is no trained run, a target exists, the published weights have no more bits, the run began
            with no weights, or the file of its first weights has changed.
    """
    card_path = target.with_suffix(".json")
    if target.suffix != ".npz":
        raise InputError(f"{target}: must end in .npz")
    for path in (target, card_path):
        if path.exists():
            raise InputError(f"{path}: would be overwritten; delete it, or choose another name")
    network = opening.deblurrer(run)
    card = network.description
    published = card.get("weights", {}).get("bits")
    if step is not None and step <= 0:
        raise InputError(f"--step={step:g}: needs a number above 0, such as 0.25")
    if "step" in card.get("weights", {}) or (step and published):
        raise InputError(f"{run}: is published; differences are made of, and from, a run's folder alone")
    if published and published <= bits:
        raise InputError(f"{run}: has {published} bits per number; {bits} would add nothing")
    if start_share:
        _blend(run, network, start_share)
        card["departures"].append(f"the mean of the weights at the last phase's start, {start_share:g}, and at its end")
    told = card["weights"]["phases"] if published else phases(run)
    # What trained it, by all phases; the variant's words tell of the paper's losses.
    card["paper"] |= {"trained_by": record.trained_by(told), "variant": card["settings"]["variant"]}
    card["weights"] = {**({"step": step} if step else {"bits": bits}), "phases": told}
    card.pop("identity", None)  # it names folders of this machine, and no run goes on from a card
    card["data"]["train"] = card["weights"]["phases"][-1]["data"]
    card["settings"] = {name: card["settings"][name] for name in ("variant", "preset", "precision", "seed")}
    if "skipped" in card and not published:
        card["skipped"] = len(card["skipped"])
    for name in ("vgg_weights", "start"):
        card["run"][name] = card["run"][name] and Path(card["run"][name]).name
    if step:
        differences.save(target, network.generator, card["settings"]["seed"], step)
    else:
        weight_files.save_small_weights(target, network.generator, bits)
    weight_files.load_weights(target, network.generator)  # as they will be
    card["weights"]["sha256"] = weight_files.weights_sha256(network.generator)
    write_json(card_path, card)


def _blend(run, network, share):
    """Sets the network's weights to the mean of its run's first weights and its own."""
    start = opening.settings(run).start_path if run.is_dir() else None
    if start is None or not 0 < share < 1:
        raise InputError(f"{run}: --start_share={share:g}: needs a share between 0 and 1, and a run with --start")
    told = network.description["run"]["start"]
    if not start.exists() or f"({weight_files.file_sha256(start)[:16]})" not in told:
        raise InputError(f"{start}: is not, or no longer, what {run} began with: {told}")
    own = network.generator.get_weights()
    record.load_generator(start, network.generator)
    ends = zip(network.generator.get_weights(), own, strict=True)
    network.generator.set_weights([share * first + (1 - share) * last for first, last in ends])


def phases(run):
    """Of the training with which the run's began, and of its own."""
    told = record.read(run)
    meta = checkpoint.read_meta(run / checkpoint.CHECKPOINT_FILE)
    training = told["training"]
    per_step = training["steps_of_each_network_per_step"]
    steps = meta["epoch"] * training["steps_per_epoch"]
    images_per_step = training["batch_size"] * (training.get("accumulate") or 1)
    start = told["settings"].get("start")
    own = {
        "preset": told["settings"]["preset"],
        "losses": told["losses"]["generator"],
        "trained_by": told["paper"]["trained_by"],
        **_shares(told, meta["history"]),
        "data": [Path(folder).name for folder in told["data"]["train"]],
        "steps": steps * per_step["generator"],
        "seconds": round(sum(meta["history"]["epoch_s"])),
        "images": steps * images_per_step * max(1, per_step["discriminator"]),
        "commit": told["commit"],
    }
    return [*(_earlier(Path(start)) if start else []), own]


def _shares(told, history):
    """The adversary's mean share in the generator's gradient, where there is an adversary that was measured."""
    measured = history.get("adversarial_gradient_share")
    adversary = told["discriminator"] and any("logits" in loss for loss in told["losses"]["generator"])
    return {"adversary_share": round(sum(measured) / len(measured), 3)} if adversary and measured else {}


def _earlier(start):
    """The phases of a run, or those that a published network's card states."""
    folder = start.parent if start.name == checkpoint.WEIGHTS_FILE else start
    if (folder / checkpoint.CHECKPOINT_FILE).exists():
        return phases(folder)
    told = record.of_weights(start) if start.exists() else {}
    if not told:
        print(f"note: {start}: is gone or not described; the card tells of the phases after it only", file=sys.stderr)
    return told.get("weights", {}).get("phases", [])
