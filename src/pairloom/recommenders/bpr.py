"""Matrix factorization by Bayesian personalised ranking."""

from __future__ import annotations

from typing import ClassVar

from pairloom.kernels.pairwise import PairwiseLoss
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates
from pairloom.recommenders.ranking_factorization import RankingFactorization, Solver
from pairloom.recommenders.retrieval.building import Retrieval

__all__ = ["BPR"]


class BPR(RankingFactorization):
    """Users and items as vectors: what a user took should score above what the user did not.

    Each step compares one item that a user took with one, drawn at random, that the user did not. Time grows with
    events times factors times epochs, whatever the size of the catalogue; memory is two vectors (for AdaGrad three)
    a user and an item. `WARP` is slower and more accurate at the top of the list.

    A known user is asked about by the vector that training found; `update` moves the vectors of the users with new
    events and finds those of new items. An unknown user's vector is learned from the history when it is asked for.

    Parameters
    ----------
    n_factors : int
    epochs : int
        Steps for every event.
    learning_rate : float
    l2 : float
        Penalty of vectors, at each of their steps.
    bias_l2 : float
        Penalty of the items' biases.
    solver : {"adagrad", "sgd"}
        "adagrad" takes smaller steps where many were taken before; "sgd" steps of one size, with half the memory.
    popularity_power : float
        In [0, 1]. 0 draws all items alike; above it those that more users took are drawn more often, by their number
        raised to it, which teaches more about the top of the list.
    init_scale : float
        Standard deviation of the length that vectors begin with.
    fold_in_epochs : int
        Steps for every item of a history, for a user whom training did not see.
    binary : bool
        Whether every interaction counts as 1, whatever its weight; else a step is multiplied by it.
    retrieval : {"exact", "int8", "ann"}
        How items are found, as for `ImplicitALS`.
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores. Several learn without locks, so that results differ a little each time.
    random_state : int

    References
    ----------
    Rendle, Freudenthaler, Gantner and Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI
    2009; Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 2011.
    """

    name: ClassVar[str] = "bpr"
    loss: ClassVar[PairwiseLoss] = "bpr"

    def __init__(
        self,
        *,
        n_factors: int = 64,
        epochs: int = 60,
        learning_rate: float = 0.05,
        l2: float = 0.03,
        bias_l2: float = 0.0,
        solver: Solver = "adagrad",
        popularity_power: float = 0.5,
        init_scale: float = 0.1,
        fold_in_epochs: int = 60,
        binary: bool = True,
        retrieval: Retrieval = "exact",
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            n_factors=n_factors, epochs=epochs, learning_rate=learning_rate, l2=l2, bias_l2=bias_l2, solver=solver,
            popularity_power=popularity_power, init_scale=init_scale, fold_in_epochs=fold_in_epochs, binary=binary,
            retrieval=retrieval, columns=columns, duplicates=duplicates, n_jobs=n_jobs, random_state=random_state,
        )  # fmt: skip
