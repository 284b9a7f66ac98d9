"""The parameters that both estimators have, said once."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["document"]

PARAMETERS = """Parameters
    ----------
    n_factors : int, default 16
        Dimensionality of the factorization.
    interactions : {"pairwise", "field-aware", "field-weighted", "order-3", "order-4"}, default "pairwise"
        "field-aware": each feature has factors for every field that it can meet, often the best on clicks; memory and
        time grow with the number of fields. "field-weighted": one row of factors a feature and a weight for each pair
        of fields. "order-3" and "order-4": products of three, or of four, features count too.
    fields : array-like of shape (n_features,), optional
        Field of each column, such as ``encoder.fields_``, for the two kinds that know fields. Not needed for rows that
        have fields (text/libffm), nor where every column is a field: of up to 256 columns each is one by itself.
    normalize_rows : bool, default False
        Scale every row to unit length, as libffm does; with other interactions than "pairwise".
    fit_intercept, fit_linear : bool, default True
        Whether there are a bias and linear weights; libffm has neither. Not with "als" and "mcmc".
    solver : {"sgd", "adagrad", "adam", "ftrl", "als", "mcmc"}, optional
        None is "sgd", and "adagrad" with other interactions than "pairwise", which can also have "sgd".
        "sgd" is the fastest and most accurate on ratings; "adagrad" suits features of very different frequency;
        "adam" steps in mini-batches as SageMaker's algorithm does; "ftrl" with L1 gives sparse models.
        "mcmc" and "als" keep the rows in memory and sweep over the columns. "mcmc" samples from the posterior
        distribution: the most accurate, with nothing to tune; predictions are means over samples. "als" is
        coordinate descent.
    epochs : int, optional
        Passes over the training rows. None is 30, of "als" 50, of "mcmc" 512, and fewer of other interactions.
    learning_rate : float, optional
        Step size of linear weights and factors, a tenth of it for the bias. While training, labels are scaled to
        unit variance and features that exceed 4 to at most 1, so one value suits most data. None takes the
        solver's default.
    bias_learning_rate, linear_learning_rate, factors_learning_rate : float, optional
        Step sizes of their own.
    learning_rate_schedule : {"linear", "constant", "inverse"}, default "linear"
        How step sizes fall over the epochs; "linear" ends at `final_learning_rate` of the first.
    final_learning_rate : float, default 0.02
    bias_decay, linear_decay, factors_decay : float, optional
        L2 penalties, paid by a parameter each time a row touches it; with "als" once. With "ftrl" they are paid
        once, on the distance from where a parameter began, against the losses of all rows and epochs: the more of
        these, the larger they should be. None takes the solver's default, good for about 30 epochs.
    linear_l1, factors_l1 : float, default 0.0
        L1 penalties of "ftrl", paid once, as its L2 penalties are. With both, factors count only where the linear
        weight is not 0.
    init_method : {"normal", "uniform", "constant"}, default "normal"
        How factors begin.
    bias_init : float, default 0.0
        Where the bias begins, beyond the centre of the labels.
    linear_init_scale, factors_init_scale : float, default 0.0 and 0.05
        Standard deviation, half-width or value to begin with.
    batch_size : int, default 1000
        Rows of a mini-batch of "adam".
    clip_gradient : float, optional
        Largest absolute value of a gradient.
    rescale_gradient : float, default 1.0
        Multiplies every gradient of the loss.
    early_stopping : bool, default False
        Stop when the validation loss has not improved for `n_iter_no_change` epochs, and keep the best epoch's
        parameters. Not for "mcmc", which does not overfit with more epochs.
    validation_fraction : float, default 0.1
        Training rows held out for early stopping when `fit` is given no validation data.
    n_iter_no_change : int, default 5
    tol : float, default 1e-5
        Relative improvement that counts.
    burn_in : int, optional
        First epochs of "mcmc" of which no sample is kept. None is a tenth of them, or 20 where that is more, but not
        over a half.
    n_samples : int, default 128
        Samples of "mcmc" that are kept, evenly spaced over the epochs after burn-in.
    n_chains : int, default 1
        Chains of "mcmc", over which `n_samples` are split; `convergence_` tells whether they agree.
    shuffle : bool, default True
    warm_start : bool, default False
        Whether `fit` goes on from the last fit.
    n_jobs : int, optional
        Threads; None is 1, -1 all cores.
    deterministic : bool, default False
        Bit-equal results for any number of threads. Rows of two ones (a user and an item) and the "adam" solver keep
        all threads; other rows then train on one.
    random_state : int, RandomState, Generator or None
    callbacks : iterable of callables, optional
        Each gets an EpochReport (epoch, train_loss, validation_loss, n_rows, seconds) after an epoch; what it
        returns, if true, ends the training.
    verbose : int, default 0
        1 shows a progress bar on a terminal, a line an epoch elsewhere."""

ATTRIBUTES = """Attributes
    ----------
    intercept_ : float
    coef_ : ndarray of shape (n_features,)
        Linear weights.
    factors_ : ndarray of shape (n_features, n_factors)
    history_ : list of EpochReport
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only after training on a data frame."""

Estimator = TypeVar("Estimator", bound=type)


def document(estimator: Estimator) -> Estimator:
    """Put the shared parameters and attributes into a class's docstring."""
    text = estimator.__doc__ or ""
    estimator.__doc__ = text.replace("{parameters}", PARAMETERS).replace("{attributes}", ATTRIBUTES)
    return estimator
