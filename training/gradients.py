"""Gradients, which Keras does not abstract, and state that is passed instead of assigned.

TensorFlow assigns to variables while it computes. JAX traces pure functions: there Keras keeps the values in a
`StatelessScope`, and each differentiated function hands its updates (batch statistics, random seeds) to the scope
around it. With these functions the step itself is written once, in `training/gan.py`.

    forward(function, variables)             -> value, pullback(cotangent) -> gradients
    value_and_gradient(function, variables)  -> (loss, aux), gradients        function() -> (loss, aux)
    value_and_input_gradient(function, x)    -> (loss, aux), gradient         function(x) -> (loss, aux)
    after(tensors, done)                     -> the tensors, not before `done` is computed
    step(update)                             -> a Keras train_step or test_step from update(model, data) -> logs
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from gandeblur.training.devices import of_workers

if keras.backend.backend() == "jax":
    import jax
    from keras.src.backend.common.stateless_scope import get_stateless_scope

    def after(tensors: Any, done: Any) -> Any:
        return jax.lax.optimization_barrier((tensors, done))[0]

    def _pure(function, variables):
        """function() as a pure function of the variables' values (and its own arguments): value, aux, updates."""
        outer = get_stateless_scope()

        def pure(values, *arguments):
            with keras.StatelessScope() as scope:
                scope.state_mapping.update(outer.state_mapping)
                for variable, value in zip(variables, values, strict=True):
                    scope.add_update((variable, value))
                result = function(*arguments)
            differentiated = {id(variable) for variable in variables}
            updates = {k: v for k, v in scope.state_mapping.items() if k not in differentiated}
            return result, updates

        return outer, pure, [variable.value for variable in variables]

    def forward(function: Callable[[], Any], variables: Sequence[keras.Variable]) -> tuple[Any, Callable[[Any], Any]]:
        outer, pure, values = _pure(function, variables)
        value, pullback, updates = jax.vjp(pure, values, has_aux=True)
        outer.state_mapping.update(updates)
        return value, lambda cotangent: pullback(cotangent)[0]

    def value_and_gradient(
        function: Callable[[], tuple[Any, Any]], variables: Sequence[keras.Variable]
    ) -> tuple[tuple[Any, Any], Any]:
        outer, pure, values = _pure(function, variables)

        def loss_first(values):
            (loss, aux), updates = pure(values)
            return loss, (aux, updates)

        (loss, (aux, updates)), gradients = jax.value_and_grad(loss_first, has_aux=True)(values)
        outer.state_mapping.update(updates)
        return (loss, aux), gradients

    def value_and_input_gradient(function: Callable[[Any], tuple[Any, Any]], x: Any) -> tuple[tuple[Any, Any], Any]:
        outer, pure, _ = _pure(function, [])

        def loss_first(x):
            (loss, aux), updates = pure([], x)
            return loss, (aux, updates)

        (loss, (aux, updates)), gradient = jax.value_and_grad(loss_first, has_aux=True)(x)
        outer.state_mapping.update(updates)
        return (loss, aux), gradient

    def step(update: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        def stateless_step(self, state, data):
            groups = [self.trainable_variables, self.non_trainable_variables, self.metrics_variables]
            if len(state) == 4:
                groups.insert(2, self.optimizer.variables)
            variables: list[Any] = sum(groups, [])
            values: list[Any] = sum((list(group) for group in state), [])
            with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)) as scope:
                logs = update(self, data)
            return logs, tuple([scope.get_current_value(v) for v in group] for group in groups)

        return stateless_step

else:
    import tensorflow as tf

    def after(tensors: Any, done: Any) -> Any:
        with tf.control_dependencies(done):
            return keras.tree.map_structure(lambda x: None if x is None else tf.identity(x), tensors)

    def forward(function: Callable[[], Any], variables: Sequence[keras.Variable]) -> tuple[Any, Callable[[Any], Any]]:
        with tf.GradientTape() as tape:
            value = function()
        values = [variable.value for variable in variables]
        return value, lambda cotangent: tape.gradient(value, values, output_gradients=cotangent)

    def value_and_gradient(
        function: Callable[[], tuple[Any, Any]], variables: Sequence[keras.Variable]
    ) -> tuple[tuple[Any, Any], Any]:
        with tf.GradientTape() as tape:
            loss, aux = function()
        return (loss, aux), tape.gradient(loss, [variable.value for variable in variables])

    def value_and_input_gradient(function: Callable[[Any], tuple[Any, Any]], x: Any) -> tuple[tuple[Any, Any], Any]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            loss, aux = function(x)
        return (loss, aux), tape.gradient(loss, x)

    def step(update: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        def step_of_replica(self, data):
            logs = update(self, data)
            if of_workers(tf.distribute.get_strategy()):
                # Keras means them over their first axis and all workers.
                return {name: tf.reshape(value, [1]) for name, value in logs.items()}
            return logs

        return step_of_replica
