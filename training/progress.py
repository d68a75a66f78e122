"""How a run shows itself while it trains, and how it stops: a bar, a line per epoch, Ctrl-C, NaN and infinity."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from gandeblur.errors import InputError
from gandeblur.training.checkpoint import RunLog
from gandeblur.training.schedules import OverTimeCallback, rate

TIMED_STEPS = 4  # for the length of an epoch
LONG_EPOCH_S = 120  # a file that gets a line per epoch is silent for longer: it is told how long


class Progress(keras.callbacks.Callback):
    """One progress bar over all steps on a terminal, and a line when an epoch ends:

        epoch 3/10  loss 0.0123  validation 24.51 dB  12.3 images/s  4 min left

    The loss is the generator's weighted sum. All else goes to TensorBoard. An epoch of minutes is told of after its
    first steps where no bar shows it. So is, in a training by the clock, one that takes much longer than is left.

    Args:
        epochs: of the whole training.
        steps_per_epoch: calls of the train step.
        rates: sets the learning rates; a schedule over time tells the share that is done, in place of the epochs.
    """

    def __init__(self, epochs: int, steps_per_epoch: int, rates: keras.callbacks.Callback | None = None):
        super().__init__()
        self.timed = rates if isinstance(rates, OverTimeCallback) else None
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.first: int | None = None

    def on_epoch_begin(self, epoch, logs=None):
        if self.first is None:
            self.first, self.started, self.steps = epoch, time.monotonic(), 0
            columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Bar(
                *columns,
                console=Console(stderr=True),
                transient=True,
                disable=not sys.stderr.isatty(),
                redirect_stdout=sys.stdout.isatty(),  # else the epochs' lines would not reach a file
            )
            total = None if self.timed else (self.epochs - epoch) * self.steps_per_epoch
            self.task = self.bar.add_task("steps", total=total)
            self.bar.start()

    def on_train_batch_end(self, batch, logs=None):
        self.bar.advance(self.task)
        self.steps += 1
        if self.steps == 1:
            self.compiled = time.monotonic()
        elif self.steps == 1 + TIMED_STEPS:
            epoch_s = (time.monotonic() - self.compiled) / TIMED_STEPS * self.steps_per_epoch
            line = f"note: an epoch takes about {epoch_s / 60:.2g} min"
            if self.timed and epoch_s > 1.5 * self.timed.left_s:
                print(f"{line}, and the training ends with one, not in {self.timed.left_s / 60:.2g} min", flush=True)
            elif self.bar.disable and epoch_s > LONG_EPOCH_S:
                print(line, flush=True)

    def on_epoch_end(self, epoch, logs=None):
        terms = self.model.generator_terms
        loss = sum(logs[f"{term.name}_weighted" if term.weight != 1 else term.name] for term in terms)
        if self.timed:
            number, last, left_s = f"{epoch + 1}", self.model.stop_training, self.timed.left_s
        else:
            number, last = f"{epoch + 1}/{self.epochs}", epoch + 1 == self.epochs
            left_s = (time.monotonic() - self.started) / (epoch + 1 - self.first) * (self.epochs - epoch - 1)
        left = "done" if last else f"{max(1, round(left_s / 60))} min left"
        print(
            f"epoch {number}  loss {loss:.4g}  validation {logs['val_psnr_db']:.2f} dB  "
            f"{logs['images_per_s']:.3g} images/s  {left}"
            + (f"  skipped files: {logs['skipped_files']}" if logs.get("skipped_files") else ""),
            flush=True,
        )

    def close(self) -> None:
        """Gives the terminal back, also where the training was broken off: Keras then ends no callback."""
        if self.first is not None:
            self.bar.stop()


class DataClock:
    """Seconds that training has waited for its next batch."""

    def __init__(self) -> None:
        self.waited_s = 0.0

    def timed(self, iterator: Iterator[Any]) -> Iterator[Any]:
        while True:
            start = time.perf_counter()
            batch = next(iterator)
            self.waited_s += time.perf_counter() - start
            yield batch


class Timer(keras.callbacks.Callback):
    """Adds an epoch's times and learning rates to its logs: `epoch_s`, `images_per_s`, `data_wait_share`, and
    `generator_learning_rate` and so on. The validation is not part of the time.

    Args:
        images_per_epoch: training images in one epoch.
    """

    def __init__(self, images_per_epoch: int):
        super().__init__()
        self.images_per_epoch = images_per_epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        self.waited_s = self.model.data_clock.waited_s
        self.train_s = None

    def on_test_begin(self, logs=None):
        # Validation runs inside an epoch; the training ends here.
        self.train_s = time.perf_counter() - self.started

    def on_epoch_end(self, epoch, logs=None):
        seconds = self.train_s or time.perf_counter() - self.started
        logs["epoch_s"] = seconds
        logs["images_per_s"] = self.images_per_epoch / seconds
        logs["data_wait_share"] = (self.model.data_clock.waited_s - self.waited_s) / seconds
        for network, optimizer in self.model.optimizers.items():
            logs[f"{network}_learning_rate"] = rate(optimizer)


class Skipped(keras.callbacks.Callback):
    """Counts the files that were skipped, as `skipped_files`, and names each once on stderr when an epoch ends.

    Args:
        skipped: file -> the error; grows while the training reads.
        log: of the run; the part "skipped" of its description receives them, and holds files of earlier sittings.
    """

    def __init__(self, skipped: Mapping[str, str], log: RunLog):
        super().__init__()
        self.skipped = skipped
        self.run = log.run

    def on_epoch_end(self, epoch, logs=None):
        known = self.run.get("skipped", {})
        found = dict(self.skipped)  # a copy: the readers' threads go on
        for file in sorted(found.keys() - known.keys()):
            print(f"skipped: {found[file]}", file=sys.stderr)
        self.run["skipped"] = dict(sorted({**found, **known}.items()))
        logs["skipped_files"] = len(self.run["skipped"])


class StopAtInterrupt(keras.callbacks.Callback):
    """Turns Ctrl-C into a `KeyboardInterrupt` between two steps; a second Ctrl-C ends the process at once.

    Raised wherever it falls, also inside TensorFlow, the exception can abort the process.

    Usage: `with StopAtInterrupt() as callback`, around the training.
    """

    def __enter__(self):
        self.interrupted = False
        self.previous = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number, frame):
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def on_train_batch_end(self, batch, logs=None):
        if self.interrupted:
            raise KeyboardInterrupt

    on_test_batch_end = on_train_batch_end

    def __exit__(self, kind, error, traceback):
        signal.signal(signal.SIGINT, self.previous)
        if self.interrupted and not error:  # between the last step and the training's end
            raise KeyboardInterrupt


class StopAtNonFinite(keras.callbacks.Callback):
    """Ends training at the first loss or gradient norm that is NaN or infinite.

    Raises:
        InputError: naming the step, the terms and the last good checkpoint.
    """

    def __init__(self, steps_per_epoch: int, checkpoint_path: Path):
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.checkpoint_path = checkpoint_path

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # Running means: once not finite, they stay so. Together, so that an accelerator is waited for once.
        values = keras.ops.convert_to_numpy(keras.ops.stack([keras.ops.sum(value) for value in logs.values()]))
        if bad := [name for name, finite in zip(logs, np.isfinite(values), strict=True) if not finite]:
            step = self.epoch * self.steps_per_epoch + batch + 1
            last = self.checkpoint_path
            kept = f"{last} holds epoch {self.epoch}" if last.exists() else "no checkpoint was written before it"
            raise InputError(
                f"training step {step}: {', '.join(bad)} is not finite; {kept}; lower the learning rate or use --seed"
            )
