"""Devices: which of them train, which part of a batch each of them has, and messages between machines.

    strategy(devices), device_count(strategy)   several devices
    separate_seeds(model)                       each replica draws random numbers of its own
    distributed(strategy, batches)              a stream for `fit`, from this process' batches of one replica
    of_all(strategy, numbers), of_chief(...)    the numbers of every worker, or of the first

TensorFlow runs the step once per device (`tf.distribute`), JAX once, on arrays that lie on all of them.
"""

import contextlib
import functools
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gandeblur.errors import InputError
from gandeblur.training.workers import Workers


def replicas() -> int:
    """Number of replicas whose gradients the optimizer adds up.

    Under a `tf.distribute` strategy, each device runs the step on its share of the batch. JAX runs one step on the
    whole batch and divides the arithmetic: 1, on any number of devices.
    """
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def strategy(devices: str, workers: Workers | None = None, batch_size: int | None = None) -> Any:
    """How to train on `devices`: a context manager's `scope()` around building and `fit`. Call it before any operation.

    Args:
        devices: "all" (every GPU or TPU, else one CPU) or "cpu:N" (N logical CPUs).
        workers: of several machines; all of them listen. Each takes all its GPUs, else one CPU.
        batch_size: "all" leaves out, with a note, as many as it takes for the others to share a batch of so many.

    Returns:
        A `tf.distribute` strategy, on JAX a `keras.distribution.DataParallel`, or None for a single device.

    Raises:
        ValueError: the string is neither, or the process has started with fewer CPUs.
    """
    count = devices.removeprefix("cpu:")
    if devices != "all" and not (devices.startswith("cpu:") and count.isdecimal() and int(count) > 0):
        raise ValueError(f"--devices={devices}: use all (every GPU, else the CPU) or cpu:N (N logical CPUs)")
    if workers and keras.backend.backend() != "tensorflow":
        raise ValueError("--workers (or TF_CONFIG): several machines need the TensorFlow backend")
    if workers:
        if devices not in ("all", "cpu:1"):
            raise ValueError(f"--devices={devices}: each of several workers has all its GPUs or cpu:1")
        if devices == "cpu:1":
            import tensorflow as tf

            tf.config.set_visible_devices([], "GPU")
        return _multi_worker(workers)
    named = _jax_devices if keras.backend.backend() == "jax" else _tensorflow_devices
    names = named(None if devices == "all" else int(count))
    if devices != "all" and len(names) < int(count):
        raise ValueError(f"--devices={devices}: this process has started with {len(names)}; choose them in a new one")
    if devices == "all" and batch_size and names:
        sharing = max(count for count in range(1, len(names) + 1) if batch_size % count == 0)
        if sharing < len(names):
            print(f"note: {sharing} of {len(names)} devices train; more cannot share --batch_size={batch_size} evenly")
        names = names[:sharing]
    return _strategy(tuple(names)) if len(names) > 1 else None


def device_count(strategy: Any) -> int:
    """Number of devices of a strategy, as `strategy` returned it."""
    if strategy is None:
        return 1
    return strategy.num_model_replicas if keras.backend.backend() == "jax" else strategy.num_replicas_in_sync


def _tensorflow_devices(cpus):
    import tensorflow as tf

    if cpus is None:
        return [device.name for device in tf.config.list_logical_devices("GPU")]
    cpu = tf.config.list_physical_devices("CPU")[0]
    if tf.config.get_logical_device_configuration(cpu) is None:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * cpus)
    return [f"/cpu:{number}" for number, _ in enumerate(tf.config.get_logical_device_configuration(cpu)[:cpus])]


def _jax_devices(cpus):
    import jax

    if cpus is None:
        return [name for name in keras.distribution.list_devices() if not name.startswith("cpu:")]
    with contextlib.suppress(RuntimeError):  # JAX has started, perhaps with as many
        jax.config.update("jax_num_cpu_devices", cpus)
        if cpus > 1:
            # A device waits for another's gradients on a thread of the pool that the other's convolutions need: with
            # as few threads as devices, both wait for ever. One thread per device needs no pool.
            flag, flags = "--xla_cpu_multi_thread_eigen=false", os.environ.get("XLA_FLAGS", "")
            if flag not in flags.split():
                os.environ["XLA_FLAGS"] = f"{flags} {flag}".strip()
            # For the same reason each operation ends before the next begins: one in two runs of the tests waited for
            # ever in a step beside which Keras had begun those of its metrics.
            jax.config.update("jax_cpu_enable_async_dispatch", False)
    return keras.distribution.list_devices("cpu")[:cpus]


@functools.cache
def _strategy(names):
    # A second strategy in one process confuses TensorFlow's collective operations.
    if keras.backend.backend() == "jax":
        return keras.distribution.DataParallel(devices=names)
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(names)


def separate_seeds(model: keras.Model) -> None:
    """Gives each replica's copy of the model's random states a value of its own, from the first replica's value.

    A strategy copies the state of a seed generator, and dropout would drop the same units of every replica's images.
    Call it after the model is built, and again after its state is restored.
    """
    strategy = getattr(model, "_distribute_strategy", None)
    for layer in model._flatten_layers():
        for generator in getattr(layer, "_seed_generators", ()):
            copies: Sequence[Any] = getattr(generator.state.value, "values", ())
            for number, copy in enumerate(copies, own_replicas(strategy)[0]):
                copy.assign(copies[0] + number * keras.ops.convert_to_tensor([0, 1 << 20], copy.dtype))


def devices_together(strategy: Any) -> int:
    """How many of a strategy's devices share a call of the step: on JAX all, with `tf.distribute` each has its own."""
    return device_count(strategy) if keras.backend.backend() == "jax" else 1


def own_replicas(strategy: Any) -> range:
    """Which of a strategy's replicas (calls of the step) are in this process; of None the only one."""
    if strategy is None or keras.backend.backend() == "jax":
        return range(1)
    count = len(strategy.extended.worker_devices)
    first = count * strategy.cluster_resolver.task_id if of_workers(strategy) else 0
    return range(first, first + count)


def distributed(strategy: Any, batches: Any) -> Any:
    """A `tf.data` stream as `fit` takes it under a strategy of `tf.distribute`; on JAX, and with None, as it is.

    Args:
        strategy: see `strategy`.
        batches: of this process' replicas, one after the other. They must be read by the step: under a strategy the
            stream begins again at its end.
    """
    # Of a stream that ends, the workers would ask one another at each step whether it has.
    if strategy is None or keras.backend.backend() == "jax":
        return batches
    return strategy.distribute_datasets_from_function(lambda _: batches.repeat())


def of_all(strategy: Any, numbers: Sequence[float]) -> np.ndarray:
    """The numbers of each worker: float64 `[workers, len(numbers)]`. All workers must call it."""
    if not of_workers(strategy):
        return np.array([numbers], np.float64)
    import tensorflow as tf

    gathered = strategy.run(lambda: tf.constant([numbers], tf.float64))
    return strategy.gather(gathered, axis=0).numpy()[:: len(strategy.extended.worker_devices)]


def of_chief(model: keras.Model, number: float) -> float:
    """The first worker's number. All workers must call it."""
    return float(of_all(getattr(model, "distribute_strategy", None), [number])[0, 0])


def abort_step(message: str) -> None:
    """Makes the step fail that waits for other workers; from another thread."""
    from tensorflow.python.eager import context  # there is no public way
    from tensorflow.python.framework import errors

    context.context().abort_collective_ops(errors.UNAVAILABLE, message)


def no_symbolic_build(model: keras.Model, iterator: Any = None, data_batch: Any = None) -> None:
    """In place of Keras' `_maybe_symbolic_build`, which cannot read a batch of several workers.

    It would draw a batch and trace the step to build what our model has built already. keras issue 20585; a test says
    when this can go.
    """


def of_workers(strategy: Any) -> bool:
    """Whether a strategy joins several machines."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


@functools.cache
def _multi_worker(workers):
    import tensorflow as tf
    from tensorflow.python.eager import context

    tf.get_logger().setLevel("ERROR")  # it tells of every tensor that it adds up
    # The strategy's own settings but for one: ten seconds without a heartbeat, as it has them, a busy machine may take.
    # Less than the limit, so that TensorFlow's error comes before the watching thread loses its patience.
    job = context.coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=len(workers.addresses))
    context.context().configure_coordination_service(
        "standalone",
        "/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=int(1000 * workers.timeout_s),
        heartbeat_timeout_in_ms=int(700 * workers.timeout_s),
        coordinated_jobs=[job],
    )
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(workers.addresses)}),
        task_type="worker",
        task_id=workers.index,
        num_accelerators={"GPU": len(tf.config.get_visible_devices("GPU"))},
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except tf.errors.OpError as error:
        others = ", ".join(workers.others)
        raise InputError(
            f"{others}: answered, but did not connect; see what was printed there, start all again"
        ) from error
