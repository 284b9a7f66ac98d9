"""Several hosts train one model, or the algorithm says that it wants one host."""

from __future__ import annotations

from pairloom.algorithms.contract import Model, Predictions
from pairloom.collective import Collective
from pairloom.collective.alone import Alone
from pairloom.metrics import METRICS
from pairloom.testing.cases import Case, batched
from pairloom.testing.contract_suite.outcomes import assert_equal, refused
from pairloom.testing.thread_hosts import run_hosts_in_threads

__all__ = ["check_hosts_learn_one_model_or_are_refused"]

N_HOSTS = 2


def check_hosts_learn_one_model_or_are_refused(case: Case) -> None:
    """Two hosts with half the rows each end with the same model, as good as the floor asks; or `fit` wants one host."""
    two: Collective = Alone(0, N_HOSTS)
    if not case.algorithm.distributed:
        assert "one host" in refused(lambda: case.make().fit(case.channels, collective=two))
        return
    middle = case.train.n_rows // N_HOSTS
    shards = [case.train.part(0, middle), case.train.part(middle, case.train.n_rows)]

    def work(collective: Collective) -> Model:
        channels = {"train": batched(shards[collective.rank])}
        return case.make().fit(channels, collective=collective)

    answers: list[Predictions] = []
    for model in run_hosts_in_threads(N_HOSTS, work):
        if isinstance(model, BaseException):
            raise model
        answers.append(model.predict(case.test))
    assert_equal(answers[0], answers[1])
    score = case.measure(answers[0], case.test)
    reached = score == case.floor or METRICS[case.metric].better(score, case.floor)
    assert reached, f"{case.metric} of two hosts is {score:g}, the floor {case.floor:g}"
