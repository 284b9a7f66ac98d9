"""Whatever SageMaker's tuner may ask for gives a finite model or one clear error."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.factorization_machines.hyperparameters import FactorizationMachinesHyperparameters
from pairloom.errors import DivergenceError, UserError
from pairloom.rows import RowBatch

CHOSEN = {
    "num_factors": st.sampled_from([1, 3, 8, 16, 33]),
    "predictor_type": st.sampled_from(["binary_classifier", "regressor"]),
    "epochs": st.integers(1, 4),
    "mini_batch_size": st.sampled_from([1, 7, 100, 10_000]),
    "clip_gradient": st.sampled_from([-1.0, 0.0, 1e-3, 5.0, 1e30]),
    "eps": st.sampled_from([1e-300, 1e-8, 1.0]),
    "rescale_grad": st.sampled_from([-1.0, 0.0, 1e-3, 1.0, 1e20]),
    "pairloom_solver": st.sampled_from(["adam", "sgd", "adagrad", "ftrl"]),
    "pairloom_random_state": st.integers(0, 3),
    "pairloom_n_threads": st.sampled_from([1, 2]),
    "pairloom_learning_rate_schedule": st.sampled_from(["constant", "linear", "inverse"]),
}


def strategy(parameter):
    if parameter.wire_name in CHOSEN:
        return CHOSEN[parameter.wire_name]
    if parameter.kind == "choice":
        return st.sampled_from(parameter.choices)
    if parameter.kind == "boolean":
        return st.booleans()
    low, high = np.log(parameter.tunable.low), np.log(parameter.tunable.high)
    zero = st.just(0.0) if parameter.gt is None else st.nothing()
    return zero | st.floats(low, high).map(lambda exponent: float(np.exp(exponent)))


VARIED = {
    parameter.wire_name: strategy(parameter)
    for parameter in FactorizationMachinesHyperparameters.parameters
    if (parameter.tunable or parameter.wire_name in CHOSEN or parameter.kind in {"choice", "boolean"})
    and not parameter.hidden
    and parameter.wire_name != "pairloom_l1"
}
REQUIRED = {"num_factors", "predictor_type"}
configurations = st.fixed_dictionaries(
    {name: VARIED[name] for name in sorted(REQUIRED)},
    optional={name: values for name, values in VARIED.items() if name not in REQUIRED},
)


def rows(seed, *, binary, scale):
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 5, 60)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    values = (random.normal(size=indptr[-1]) * scale).astype(np.float32)
    labels = random.integers(0, 2, 60) if binary else random.normal(size=60) * scale
    indices = random.integers(0, 20, indptr[-1]).astype(np.int32)
    fields = indices % 3
    return RowBatch(indptr, indices, values, 20, labels=labels.astype(np.float32), fields=fields)


@settings(max_examples=500)
@given(asked=configurations, seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 1.0, 1e3, 1e6]))
def test_a_finite_model_or_one_clear_error(asked, seed, scale):
    data = rows(seed, binary=asked["predictor_type"] == "binary_classifier", scale=scale)
    channels = {"train": lambda: iter([data]), "test": lambda: iter([data])}
    try:
        machine = algorithm("factorization-machines")({name: str(value) for name, value in asked.items()})
    except UserError as error:
        assert "where 'pairloom_interactions' is" in str(error)  # noqa: PT017 - most have no error
        return
    try:
        model = machine.fit(channels)
    except DivergenceError:
        return
    assert np.isfinite(model.machine.bias)
    assert np.isfinite(model.machine.table).all()
    assert np.isfinite(model.predict(data)["score"]).all()
