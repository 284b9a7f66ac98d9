"""Matrix factorization by the weighted approximate rank."""

from __future__ import annotations

from typing import ClassVar

from pairloom.errors import UserError
from pairloom.kernels.pairwise import PairwiseLoss
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates
from pairloom.recommenders.ranking_factorization import RankingFactorization, Solver
from pairloom.recommenders.retrieval.building import Retrieval

__all__ = ["WARP"]


class WARP(RankingFactorization):
    """Users and items as vectors, learned for the top of the list.

    For each item that a user took, items that the user did not are drawn until one scores nearly as high. Few draws
    tell that the item stands low in the list, and the step is large; many that it stands high already. So steps go
    where the ranking is wrong, and slow down by themselves as it becomes right. Time grows with events times factors
    times epochs times the draws of a step, `max_sampled` at most; memory as `BPR`'s. Known and unknown users, and
    updates, are as `BPR` has them.

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
    max_sampled : int
        Items drawn for one event before it is content.
    solver : {"adagrad", "sgd"}
        "adagrad" takes smaller steps where many were taken before; "sgd" steps of one size, with half the memory.
    popularity_power : float
        In [0, 1]. 0 draws all items alike; above it those that more users took are drawn more often.
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
    Weston, Bengio and Usunier, "WSABIE: Scaling Up To Large Vocabulary Image Annotation", IJCAI 2011; Duchi, Hazan and
    Singer, "Adaptive Subgradient Methods", JMLR 2011.
    """

    name: ClassVar[str] = "warp"
    loss: ClassVar[PairwiseLoss] = "warp"

    def __init__(
        self,
        *,
        n_factors: int = 64,
        epochs: int = 60,
        learning_rate: float = 0.03,
        l2: float = 0.5,
        bias_l2: float = 0.0,
        max_sampled: int = 30,
        solver: Solver = "adagrad",
        popularity_power: float = 0.0,
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
        if max_sampled < 1:
            raise UserError(f"WARP: 'max_sampled' must be 1 or more. Got {max_sampled}.")
        self.max_sampled = max_sampled
