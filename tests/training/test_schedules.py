import keras
import pytest

from gandeblur.training.schedules import LinearToZero, Plateau, constant


def rates(losses, plateau, optimizers):
    result = []
    for epoch, loss in enumerate(losses):
        plateau.on_epoch_end(epoch, {"val_loss": loss})
        result.append([float(optimizer.learning_rate) for optimizer in optimizers])
    return result


def test_lowers_both_rates_after_patience_epochs_without_progress():
    optimizers = [keras.optimizers.SGD(1.0), keras.optimizers.SGD(0.1)]
    plateau = Plateau(optimizers, factor=0.5, patience=2)
    seen = rates([5, 4, 4, 4, 3, 3, 3], plateau, optimizers)
    assert [generator for generator, _ in seen] == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert seen[-1] == pytest.approx([0.25, 0.025])


def test_stops_at_the_floor():
    optimizer = keras.optimizers.SGD(1.0)
    seen = rates([1] * 10, Plateau([optimizer], factor=0.1, patience=1, floor=0.05), [optimizer])
    assert seen[-1] == pytest.approx([0.05])


def test_state_continues_where_it_was():
    optimizer = keras.optimizers.SGD(1.0)
    first = Plateau([optimizer], factor=0.5, patience=3)
    rates([4, 4, 4], first, [optimizer])
    second = Plateau([optimizer], factor=0.5, patience=3)
    second.set_state(first.get_state())
    assert rates([4], second, [optimizer]) == [[0.5]]


def test_a_constant_rate_stays_to_the_last_epoch():
    optimizer = keras.optimizers.Adam(0.4)
    schedule = constant([optimizer])
    schedule.set_params({"epochs": 3})
    for epoch in range(3):
        schedule.on_epoch_begin(epoch)
        assert float(optimizer.learning_rate) == pytest.approx(0.4)


def test_constant_then_linear_to_zero():
    optimizer = keras.optimizers.Adam(0.4)
    schedule = LinearToZero([optimizer], constant_share=0.5)
    schedule.set_params({"epochs": 8})
    seen = []
    for epoch in (*range(8), 6):  # the last one: a resumed run
        schedule.on_epoch_begin(epoch)
        seen.append(round(float(optimizer.learning_rate), 6))
    assert seen == [0.4, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2, 0.1, 0.2]
