"""SageMaker's hyperparameters of factorization-machines: names, types, defaults, ranges and tuning ranges."""

import pytest

from pairloom.algorithms.factorization_machines.hyperparameters import FactorizationMachinesHyperparameters
from pairloom.errors import UserError
from pairloom.hyperparameters import Tunable, default_text

REQUIRED = {"num_factors": "64", "predictor_type": "regressor"}
METHODS = ("uniform", "normal", "constant")
CONTINUOUS = Tunable(1e-8, 512)

# name: type, default, least value or words, tuning range; as SageMaker's developer guide has them.
SAGEMAKER = {
    "feature_dim": ("integer", "", 1, None),
    "num_factors": ("integer", "", 1, None),
    "predictor_type": ("choice", "", ("binary_classifier", "regressor"), None),
    "bias_init_method": ("choice", "normal", METHODS, None),
    "bias_init_scale": ("float", "", 0, CONTINUOUS),
    "bias_init_sigma": ("float", "0.01", 0, CONTINUOUS),
    "bias_init_value": ("float", "", None, CONTINUOUS),
    "bias_lr": ("float", "0.1", 0, CONTINUOUS),
    "bias_wd": ("float", "0.01", 0, CONTINUOUS),
    "clip_gradient": ("float", "", None, None),
    "epochs": ("integer", "1", 1, Tunable(1, 1000)),
    "eps": ("float", "", None, None),
    "factors_init_method": ("choice", "normal", METHODS, None),
    "factors_init_scale": ("float", "", 0, CONTINUOUS),
    "factors_init_sigma": ("float", "0.001", 0, CONTINUOUS),
    "factors_init_value": ("float", "", None, CONTINUOUS),
    "factors_lr": ("float", "0.0001", 0, CONTINUOUS),
    "factors_wd": ("float", "0.00001", 0, CONTINUOUS),
    "linear_lr": ("float", "0.001", 0, CONTINUOUS),
    "linear_init_method": ("choice", "normal", METHODS, None),
    "linear_init_scale": ("float", "", 0, CONTINUOUS),
    "linear_init_sigma": ("float", "0.01", 0, CONTINUOUS),
    "linear_init_value": ("float", "", None, CONTINUOUS),
    "linear_wd": ("float", "0.001", 0, CONTINUOUS),
    "mini_batch_size": ("integer", "1000", 1, Tunable(100, 10_000)),
    "rescale_grad": ("float", "", None, None),
}
DEFAULT_CONFIGURATION = {
    "epochs": "1", "mini_batch_size": "1000", "use_bias": "true", "use_linear": "true", "bias_lr": "0.1",
    "linear_lr": "0.001", "factors_lr": "0.0001", "bias_wd": "0.01", "linear_wd": "0.001",
    "factors_wd": "0.00001", "bias_init_method": "normal", "bias_init_sigma": "0.01",
    "linear_init_method": "normal", "linear_init_sigma": "0.01", "factors_init_method": "normal",
    "factors_init_sigma": "0.001", "batch_metrics_publish_interval": "500", "_data_format": "record",
    "_kvstore": "auto", "_learning_rate": "1.0", "_log_level": "info", "_num_gpus": "auto",
    "_num_kv_servers": "auto", "_optimizer": "adam", "_tuning_objective_metric": "",
    "_use_full_symbolic": "true", "_wd": "1.0",
}  # fmt: skip
DECLARED = {p.wire_name: p for p in FactorizationMachinesHyperparameters.parameters}


def parse(**values):
    return FactorizationMachinesHyperparameters.parse(REQUIRED | values)


def test_the_names_in_the_open_are_sagemakers_and_ours_cannot_collide():
    shown = {name for name, parameter in DECLARED.items() if not parameter.hidden}
    assert {name for name in shown if not name.startswith("pairloom_")} == set(SAGEMAKER)
    assert len(SAGEMAKER) == 26


@pytest.mark.parametrize("name", SAGEMAKER)
def test_type_default_and_ranges_are_sagemakers(name):
    kind, default, least, tunable = SAGEMAKER[name]
    declared = DECLARED[name]
    assert declared.kind == kind
    assert declared.tunable == tunable
    assert default_text(declared) == (str(float(default)) if kind == "float" and default else default)
    if kind == "choice":
        assert declared.choices == least
    else:
        assert declared.ge == least


def test_two_are_required_and_feature_dim_may_be_inferred():
    assert {name for name, declared in DECLARED.items() if declared.required} == set(REQUIRED)
    assert parse().feature_dim is None


def test_the_default_configuration_of_the_container_changes_nothing():
    chosen = parse(**DEFAULT_CONFIGURATION)
    assert chosen == parse()
    names = set(DEFAULT_CONFIGURATION)
    assert {name: value for name, value in chosen.to_dict().items() if name in names} == {
        name: value for name, value in parse().to_dict().items() if name in names
    }


def test_a_job_of_the_sdk_is_understood():
    chosen = parse(
        feature_dim="2625", predictor_type="binary_classifier", mini_batch_size="1000", epochs="100",
        _tuning_objective_metric="test:binary_f_beta", bias_init_value="", clip_gradient="5",
    )  # fmt: skip
    assert (chosen.feature_dim, chosen.epochs, chosen.clip_gradient) == (2625, 100, 5.0)
    assert chosen.bias_init_value is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_factors", "0", "'num_factors' must be an integer >= 1. Got 0."),
        ("feature_dim", str(2**31), "'feature_dim' must be an integer in [1, 2147483647]. Got 2147483648."),
        (
            "predictor_type",
            "regression",
            "'predictor_type' must be one of 'binary_classifier', 'regressor'. Got",
        ),
        ("bias_lr", "-1", "'bias_lr' must be a finite number >= 0. Got -1.0."),
        ("eps", "0", "'eps' must be a finite number > 0. Got 0.0."),
        (
            "factor_lr",
            "1",
            "Additional properties are not allowed ('factor_lr' was unexpected). Did you mean",
        ),
        ("_optimizer", "sgd", "'_optimizer' must be 'adam'. Got 'sgd'."),
        (
            "pairloom_l1",
            "0.5",
            "'pairloom_l1' must be 0 unless 'pairloom_solver' is 'ftrl'. Got 0.5 with 'adam'.",
        ),
    ],
)
def test_errors_name_the_algorithm_and_what_would_fit(name, value, message):
    with pytest.raises(UserError) as caught:
        parse(**{name: value})
    assert str(caught.value).startswith(f"FactorizationMachines: {message}")


def test_every_hyperparameter_has_its_sentence():
    for declared in DECLARED.values():
        assert declared.doc.endswith(".")
        assert len(declared.doc) > 10
