"""SageMaker's hyperparameters of ``factorization-machines``; Pairloom's own have names in ``pairloom_``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pairloom.fm.settings import SolverName
from pairloom.hyperparameters import Hyperparameters, param

__all__ = ["FactorizationMachinesHyperparameters"]

InitMethod = Literal["uniform", "normal", "constant"]
LARGEST_WIDTH = 2**31 - 1
TUNABLE = (1e-8, 512.0)
TASK = "What is predicted: a number, or the probability that a label is 1 rather than 0."
METHOD = "Initial values of {}: uniform in [-scale, scale], normal with sigma, or constant at value."
SCALE = "Half-width of the uniform initial values of {}; 0.07 where it is left open."
SIGMA = "Standard deviation of the normal initial values of {}."
VALUE = "Constant initial value of {}; 0 where it is left open."
RATE = "Learning rate of {}."
DECAY = "L2 penalty on {}."
BIAS, LINEAR, FACTORS = "the bias", "the linear weights", "the factors"
IGNORED = "Accepted for compatibility, without effect."


class FactorizationMachinesHyperparameters(Hyperparameters, owner="FactorizationMachines"):
    """What can be asked of a factorization machine; SageMaker's names with SageMaker's defaults."""

    num_factors: int = param(ge=1, advised=(2, 1000), doc="Dimensionality of the factorization.")
    predictor_type: Literal["binary_classifier", "regressor"] = param(doc=TASK)
    feature_dim: int | None = param(
        default=None, ge=1, le=LARGEST_WIDTH, advised=(10_000, 10_000_000),
        doc="Width of the rows. Left open, it is inferred from the training data.",
    )  # fmt: skip
    epochs: int = param(
        default=1, ge=1, tunable=(1, 1000), may_change=True, doc="Passes over the training data."
    )
    mini_batch_size: int = param(
        default=1000,
        ge=1,
        tunable=(100, 10_000),
        doc="Rows whose gradients make one step of the Adam solver.",
    )

    bias_init_method: InitMethod = param(default="normal", doc=METHOD.format(BIAS))
    bias_init_scale: float | None = param(default=None, ge=0, tunable=TUNABLE, doc=SCALE.format(BIAS))
    bias_init_sigma: float = param(default=0.01, ge=0, tunable=TUNABLE, doc=SIGMA.format(BIAS))
    bias_init_value: float | None = param(
        default=None,
        tunable=TUNABLE,
        doc=VALUE.format(BIAS) + " Given with the constant method, labels are left as they are.",
    )
    bias_lr: float = param(default=0.1, ge=0, tunable=TUNABLE, doc=RATE.format(BIAS))
    bias_wd: float = param(default=0.01, ge=0, tunable=TUNABLE, doc=DECAY.format(BIAS))

    linear_init_method: InitMethod = param(default="normal", doc=METHOD.format(LINEAR))
    linear_init_scale: float | None = param(default=None, ge=0, tunable=TUNABLE, doc=SCALE.format(LINEAR))
    linear_init_sigma: float = param(default=0.01, ge=0, tunable=TUNABLE, doc=SIGMA.format(LINEAR))
    linear_init_value: float | None = param(default=None, tunable=TUNABLE, doc=VALUE.format(LINEAR))
    linear_lr: float = param(default=0.001, ge=0, tunable=TUNABLE, doc=RATE.format(LINEAR))
    linear_wd: float = param(default=0.001, ge=0, tunable=TUNABLE, doc=DECAY.format(LINEAR))

    factors_init_method: InitMethod = param(default="normal", doc=METHOD.format(FACTORS))
    factors_init_scale: float | None = param(default=None, ge=0, tunable=TUNABLE, doc=SCALE.format(FACTORS))
    factors_init_sigma: float = param(default=0.001, ge=0, tunable=TUNABLE, doc=SIGMA.format(FACTORS))
    factors_init_value: float | None = param(default=None, tunable=TUNABLE, doc=VALUE.format(FACTORS))
    factors_lr: float = param(default=0.0001, ge=0, tunable=TUNABLE, doc=RATE.format(FACTORS))
    factors_wd: float = param(default=0.00001, ge=0, tunable=TUNABLE, doc=DECAY.format(FACTORS))

    clip_gradient: float | None = param(
        default=None,
        doc="Largest absolute value of a gradient; what exceeds it is cut. Negative: nothing is.",
    )
    eps: float | None = param(
        default=None,
        gt=0,
        doc="Guard of the Adam solver against division by zero; 1e-8 where it is left open.",
    )
    rescale_grad: float | None = param(
        default=None, doc="Number that gradients are multiplied with before they are clipped; 1 if left open."
    )

    pairloom_solver: Literal["adam", "sgd", "adagrad", "ftrl", "als", "mcmc"] = param(
        default="adam",
        doc="Optimiser: Adam on mini-batches as SageMaker's, or steps row by row by SGD, AdaGrad or FTRL, or sweeps "
        "over the columns of data in memory: ALS, or MCMC, which learns its penalties and averages over samples. With "
        "any but Adam, learning rates, their schedule, penalties and initial spreads left open are the estimators'; of "
        "ALS and MCMC, epochs too.",
    )
    pairloom_interactions: Literal["pairwise", "field-aware", "field-weighted", "order-3", "order-4"] = param(
        default="pairwise",
        doc="How features interact: in plain pairs; in pairs with factors for every field that a feature can meet; in "
        "pairs that a weight for each two fields scales; or also in threes and fours. With any but plain pairs the "
        "solver is AdaGrad where it is left open, and one host trains. The two that know fields want text/libffm, or "
        "raw columns, each a field.",
    )
    pairloom_normalize_rows: bool = param(
        default=False,
        doc="Whether every row is scaled to unit length, as libffm does; with other interactions than plain pairs.",
    )
    pairloom_burn_in: int | None = param(
        default=None,
        ge=0,
        doc="First epochs of MCMC of which no sample is kept; a tenth, but 20 where there are so many, if left open.",
    )
    pairloom_samples: int = param(
        default=128,
        ge=1,
        le=100_000,
        doc="Samples of MCMC that are kept, evenly spaced over the epochs after burn-in.",
    )
    pairloom_chains: int = param(
        default=1, ge=1, le=64, doc="Chains of MCMC, over which the samples are split."
    )
    pairloom_learning_rate_schedule: Literal["constant", "linear", "inverse"] = param(
        default="constant",
        doc="How learning rates fall from epoch to epoch: not, to 2 % by the last, or as 1/n.",
    )
    pairloom_l1: float = param(
        default=0.0,
        ge=0,
        tunable=(1e-8, 10.0),
        doc="L1 penalty on linear weights and factors, for the FTRL solver alone; makes weak ones exactly 0.",
    )
    pairloom_normalize: bool = param(
        default=True,
        doc="Whether labels are centred and scaled and features above 1 scaled while training; "
        "the model answers in the units of the data all the same.",
    )
    pairloom_early_stopping_patience: int | None = param(
        default=None,
        ge=1,
        doc="Epochs without a better score on channel 'validation' before training stops with the best.",
    )
    pairloom_clip_predictions: bool = param(
        default=False, doc="Whether a regressor's scores are cut to the range of the training labels."
    )
    pairloom_n_threads: int | None = param(
        default=None,
        ge=1,
        le=1024,
        may_change=True,
        doc="Threads; as many as the job was given where it is left open.",
    )
    pairloom_deterministic: bool = param(
        default=False,
        doc="Whether any number of threads gives the same model bit for bit, at some cost in speed.",
    )
    pairloom_random_state: int = param(
        default=0, ge=0, le=2**32 - 1, doc="Seed of initialisation and of the order of rows."
    )
    pairloom_memory_limit_mb: int = param(
        default=4096, ge=1, doc="Training data beyond this size is read again in every epoch and not kept."
    )
    pairloom_exchanges: int = param(
        default=32,
        ge=1,
        le=10_000,
        doc="How often in an epoch several hosts merge what they learned; with Adam they do for every mini-batch.",
    )

    use_bias: bool = param(default=True, hidden=True, doc="Whether there is a bias.")
    use_linear: bool = param(default=True, hidden=True, doc="Whether there are linear weights.")
    global_learning_rate: float = param(
        default=1.0, ge=0, wire_name="_learning_rate", hidden=True, doc="Multiplies every learning rate."
    )
    global_wd: float = param(default=1.0, ge=0, wire_name="_wd", hidden=True, doc="Multiplies every penalty.")
    optimizer: Literal["adam"] = param(
        default="adam", wire_name="_optimizer", hidden=True, doc="Use pairloom_solver for another."
    )
    batch_metrics_publish_interval: int = param(
        default=500, ge=1, hidden=True, doc="Batches between two reports of training metrics."
    )
    data_format: str = param(
        default="record", wire_name="_data_format", hidden=True, may_change=True, doc=IGNORED
    )
    kvstore: str = param(default="auto", wire_name="_kvstore", hidden=True, may_change=True, doc=IGNORED)
    log_level: str = param(default="info", wire_name="_log_level", hidden=True, may_change=True, doc=IGNORED)
    num_gpus: str = param(default="auto", wire_name="_num_gpus", hidden=True, may_change=True, doc=IGNORED)
    num_kv_servers: str = param(
        default="auto", wire_name="_num_kv_servers", hidden=True, may_change=True, doc=IGNORED
    )
    tuning_objective: str = param(
        default="", wire_name="_tuning_objective_metric", hidden=True, may_change=True, doc=IGNORED
    )
    full_symbolic: str = param(
        default="true", wire_name="_use_full_symbolic", hidden=True, may_change=True, doc=IGNORED
    )
    force_dense: str = param(default="false", hidden=True, may_change=True, doc=IGNORED)

    @property
    def solver(self) -> SolverName:
        """The solver asked for; AdaGrad where interactions want another than the default."""
        if self.pairloom_interactions != "pairwise" and "pairloom_solver" not in self.given:
            return "adagrad"
        return self.pairloom_solver

    def faults(self) -> Iterable[str]:
        """Check values against one another."""
        if self.pairloom_interactions != "pairwise" and self.solver not in ("adagrad", "sgd"):
            yield (
                "'pairloom_solver' must be 'adagrad' or 'sgd' where 'pairloom_interactions' is "
                f"'{self.pairloom_interactions}'. Got '{self.solver}'."
            )
        if self.pairloom_normalize_rows and self.pairloom_interactions == "pairwise":
            yield "'pairloom_normalize_rows' must be false where 'pairloom_interactions' is 'pairwise'. Got true."
        if self.pairloom_l1 > 0 and self.pairloom_solver != "ftrl":
            yield (
                "'pairloom_l1' must be 0 unless 'pairloom_solver' is 'ftrl'. "
                f"Got {self.pairloom_l1:g} with '{self.pairloom_solver}'."
            )
        if self.pairloom_early_stopping_patience is not None and self.pairloom_solver in ("als", "mcmc"):
            yield (
                "'pairloom_early_stopping_patience' must be left open where 'pairloom_solver' is "
                f"'{self.pairloom_solver}'. Got {self.pairloom_early_stopping_patience}."
            )
