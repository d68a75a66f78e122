import keras
import numpy as np
import pytest

from gandeblur.training.schedules import Constant, Cosine, LinearToZero, Plateau, rate


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
