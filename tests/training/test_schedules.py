import keras
import numpy as np
import pytest

from gandeblur.training.schedules import Constant, Cosine, LinearToZero, OverTime, Plateau, rate


def rates(losses, callback, optimizers):
    result = []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        result.append([rate(optimizer) for optimizer in optimizers])
    return result


def test_lowers_both_rates_after_patience_epochs_without_progress():
    optimizers = [keras.optimizers.SGD(1.0), keras.optimizers.SGD(0.1)]
    seen = rates([5, 4, 4, 4, 3, 3, 3], Plateau(factor=0.5, patience=2).callback(optimizers), optimizers)
    assert [generator for generator, _ in seen] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert seen[-1] == pytest.approx([0.25, 0.025])


def test_stops_at_the_floor():
    optimizer = keras.optimizers.SGD(1.0)
    seen = rates([1] * 10, Plateau(factor=0.1, patience=1, floor=0.05).callback([optimizer]), [optimizer])
    assert seen[-1] == pytest.approx([0.05])


def test_state_continues_where_it_was():
    optimizer = keras.optimizers.SGD(1.0)
    first = Plateau(factor=0.5, patience=3).callback([optimizer])
    rates([4, 4, 4], first, [optimizer])
    second = Plateau(factor=0.5, patience=3).callback([optimizer])
    second.set_state(first.get_state())
    assert rates([4], second, [optimizer]) == [[0.5]]


def test_a_constant_rate_needs_nothing():
    assert Constant().rate(0.4, epochs=3, steps_per_epoch=2) == 0.4
    assert Constant().callback([]) is None and LinearToZero(constant_share=0.5).callback([]) is None


def test_constant_then_linear_to_zero_by_the_optimizers_own_steps():
    schedule = LinearToZero(constant_share=0.5).rate(0.4, epochs=8, steps_per_epoch=3)
    seen = [round(float(schedule(step)), 6) for step in range(0, 27)]
    assert seen == list(np.repeat([0.4, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2, 0.1, 0.0], 3))
    variable = keras.Variable(1.0)
    optimizer = keras.optimizers.SGD(schedule)
    optimizer.build([variable])
    optimizer.iterations.assign(18)
    optimizer.apply([np.float32(1.0)], [variable])
    assert float(variable) == pytest.approx(1 - 0.2)
    assert rate(optimizer) == pytest.approx(0.2)
    again = keras.optimizers.SGD.from_config(optimizer.get_config()).learning_rate
    assert float(again) == pytest.approx(0.4)


def test_half_a_cosine_down_to_its_floor():
    schedule = Cosine(floor=0.02).rate(0.5, epochs=4, steps_per_epoch=5)
    seen = [float(schedule(step)) for step in (0, 5, 10, 20)]
    expected = [0.02 + 0.98 * (1 + np.cos(np.pi * share)) / 2 for share in (0, 0.25, 0.5, 1)]
    assert seen == pytest.approx([0.5 * value for value in expected])


def test_schedules_are_printed_by_their_numbers():
    assert str(LinearToZero(constant_share=0.5)) == "LinearToZero(constant_share=0.5)"
    assert str(Plateau(factor=0.5, patience=2)) == "Plateau(factor=0.5, patience=2)"


def clocked(monkeypatch, minutes, seconds_per_epoch, state=None, epochs=100):
    """(rates, state, whether it ended) of a training whose every epoch takes so long, at most so many epochs."""
    now = [0.0]
    monkeypatch.setattr("gandeblur.training.schedules.time.monotonic", lambda: now[0])
    optimizer = keras.optimizers.SGD(0.5)
    callback = OverTime(minutes, floor=0.1).callback([optimizer])
    if state:
        callback.set_state(state)
    callback.set_model(keras.Sequential())
    callback.on_train_begin()
    seen = []
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch)
        seen.append(rate(optimizer))
        now[0] += seconds_per_epoch
        callback.on_epoch_end(epoch, {})
        if callback.model.stop_training:
            return seen, callback.get_state(), True
    return seen, callback.get_state(), False


def test_a_cosine_laid_over_minutes_ends_in_time(monkeypatch):
    seen, state, ended = clocked(monkeypatch, minutes=2, seconds_per_epoch=30)
    middles = np.array([0, 1.5, 2.5, 3.5])  # of the epochs; before the first, nothing is known of their length
    assert ended and seen == pytest.approx(0.5 * (0.1 + 0.9 * (1 + np.cos(np.pi * middles / 4)) / 2))
    assert OverTime(2).over(state) and not OverTime(3).over(state)
    assert len(clocked(monkeypatch, minutes=2, seconds_per_epoch=70)[0]) == 2  # 140 s are nearer to 120 s than 70 s
    assert len(clocked(monkeypatch, minutes=2, seconds_per_epoch=50)[0]) == 2  # 100 s nearer than 150 s


def test_stopped_and_slowed_down_it_goes_on_by_the_time_spent(monkeypatch):
    whole, _, _ = clocked(monkeypatch, minutes=2, seconds_per_epoch=30)
    first, state, ended = clocked(monkeypatch, minutes=2, seconds_per_epoch=30, epochs=2)
    assert not ended and state == {"spent_s": 60.0, "epoch_s": 30.0}
    second, _, ended = clocked(monkeypatch, minutes=2, seconds_per_epoch=30, state=state)
    assert ended and first + second == whole
    slow, _, _ = clocked(monkeypatch, minutes=2, seconds_per_epoch=60, state=state)
    assert slow == whole[2:3]  # its length is not known yet either


def test_given_more_time_it_is_the_same_run():
    assert str(OverTime(5.0)) == str(OverTime(60.0)) == "OverTime(floor=0.02)"
