import os
import signal

import numpy as np
import pytest
import tiny_gan as tiny

from gandeblur.errors import InputError
from gandeblur.training import progress
from gandeblur.training.schedules import OverTime


def test_stops_at_the_first_loss_that_is_not_finite(tmp_path):
    data = tiny.batches(3)
    data[1, 1, 0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match=r"training step 2: .*mse.* is not finite; no checkpoint was written"):
        tiny.fit(tiny.gan(), data, [progress.StopAtNonFinite(3, tmp_path / "checkpoint.npz")])


def test_names_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.npz"
    path.touch()
    stop = progress.StopAtNonFinite(10, path)
    stop.on_epoch_begin(4)
    stop.on_train_batch_end(0, {"mse": 1.0})
    with pytest.raises(InputError, match=r"training step 43: mse is not finite; .*checkpoint.npz holds epoch 4;"):
        stop.on_train_batch_end(2, {"mse": float("inf"), "discriminator": 0.3})


def test_ctrl_c_after_the_last_step_is_not_forgotten():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), progress.StopAtInterrupt():
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_after_an_error_ctrl_c_is_the_users_again():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(InputError), progress.StopAtInterrupt():
        raise InputError("bad image")
    assert signal.getsignal(signal.SIGINT) is before


def test_an_epoch_is_one_line(capsys):
    shown = progress.Progress(epochs=3, steps_per_epoch=4)
    shown.set_model(tiny.gan())  # terms: mse, and adversarial with a weight
    logs = {"mse": 0.01, "adversarial": 7.0, "adversarial_weighted": 0.002, "val_psnr_db": 24.512, "images_per_s": 3.21}
    for epoch in (1, 2):  # a run resumed after its first epoch
        shown.on_epoch_begin(epoch)
        shown.on_train_batch_end(0)
        shown.on_epoch_end(epoch, logs)
    shown.close()
    assert capsys.readouterr().out.splitlines() == [
        "epoch 2/3  loss 0.012  validation 24.51 dB  3.21 images/s  1 min left",
        "epoch 3/3  loss 0.012  validation 24.51 dB  3.21 images/s  done",
    ]


def test_a_training_over_time_counts_minutes_not_epochs(capsys):
    timed = OverTime(minutes=10).callback([])
    timed.set_state({"spent_s": 170.0, "epoch_s": 80.0})
    shown = progress.Progress(epochs=1000, steps_per_epoch=4, rates=timed)
    shown.set_model(tiny.gan())
    logs = {"mse": 0.01, "adversarial": 7.0, "adversarial_weighted": 0.002, "val_psnr_db": 24.512, "images_per_s": 3.21}
    shown.on_epoch_begin(2)
    shown.on_epoch_end(2, logs)
    shown.model.stop_training = True
    shown.on_epoch_end(3, logs)
    shown.close()
    assert capsys.readouterr().out.splitlines() == [
        "epoch 3  loss 0.012  validation 24.51 dB  3.21 images/s  7 min left",
        "epoch 4  loss 0.012  validation 24.51 dB  3.21 images/s  done",
    ]


@pytest.mark.parametrize(
    ("minutes", "step_s", "told"),
    [
        (2, 1.0, ""),
        (2, 60.0, "note: an epoch takes about 30 min, and the training ends with one, not in 2 min\n"),
        (200, 60.0, "note: an epoch takes about 30 min\n"),  # stderr is no terminal here: no bar shows it
        (None, 60.0, "note: an epoch takes about 30 min\n"),
    ],
)
def test_a_long_epoch_is_told_of(minutes, step_s, told, capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    rates = OverTime(minutes=minutes).callback([]) if minutes else None
    shown = progress.Progress(epochs=1000, steps_per_epoch=30, rates=rates)
    shown.on_epoch_begin(0)
    now[0] = 500.0  # the first step, which compiles
    for step in range(10):
        shown.on_train_batch_end(step)
        now[0] += step_s
    shown.close()
    assert capsys.readouterr().out == told
