"""Each check catches the fault it is there for: the plug-in is broken in one place and found out by name."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from linear_plugin import LinearModel, LinearPlugin
from test_contract_suite import PLUGIN, PluginCase

from pairloom.algorithms.checkpoints import NO_CHECKPOINTS
from pairloom.algorithms.report import ChannelScored, EpochEnded, StopTraining, silent
from pairloom.testing.contract_suite import CHECKS


class Undocumented(LinearPlugin):
    __doc__ = None


class Forgetful(LinearPlugin):
    """Ignores what it does not know."""

    def __init__(self, hyperparameters):
        super().__init__({name: value for name, value in hyperparameters.items() if name != "no_such_thing"})


class OneWay(LinearPlugin):
    """Writes a configuration that it does not read."""

    class Odd(LinearPlugin.hyperparameters_type):
        def to_strings(self):
            return super().to_strings() | {"epochs": "77"}

    hyperparameters_type = Odd


class AnyChannel(LinearPlugin):
    """Reads what it knows and passes over the rest; trains on test where there is no train."""

    def fit(self, channels, **options):
        known = {name: source for name, source in channels.items() if name in ("train", "test")}
        return super().fit({"train": known.get("test")} | known, **options)


class Lazy(LinearPlugin):
    """Learns next to nothing."""

    def __init__(self, hyperparameters):
        super().__init__(hyperparameters | {"learning_rate": "1e-9"})


class Slapdash(LinearPlugin):
    """Loses its way with threads."""

    def fit(self, channels, *, n_threads=1, report=silent, **rest):
        worker = LinearPlugin({"feature_dim": "110", "learning_rate": "1e-9"}) if n_threads > 1 else super()
        return worker.fit(channels, report=report, **rest)


class Taciturn(LinearPlugin):
    """Says nothing of its epochs."""

    def fit(self, channels, *, n_threads=1, report=silent, **rest):
        def tell(event):
            if not isinstance(event, EpochEnded):
                report(event)

        return super().fit(channels, report=tell, **rest)


class Boastful(LinearPlugin):
    """Reports better scores than it has."""

    def fit(self, channels, *, n_threads=1, report=silent, **rest):
        def tell(event):
            if isinstance(event, ChannelScored):
                event = replace(event, metrics={name: value / 2 for name, value in event.metrics.items()})
            report(event)

        return super().fit(channels, report=tell, **rest)


class Moody(LinearPlugin):
    """Begins from another place every time."""

    def fit(self, channels, **options):
        model = super().fit(channels, **options)
        model.bias += float(np.random.default_rng().random())
        return model


class Hoarder(LinearPlugin):
    """Opens the training data again and again."""

    def fit(self, channels, **options):
        for _ in range(9):
            list(channels["train"]())
        return super().fit(channels, **options)


class BatchBound(LinearPlugin):
    """Learns from the first row of each batch alone."""

    def fit(self, channels, **options):
        sources = {name: (lambda source=source: (rows.part(0, min(1, rows.n_rows)) for rows in source()))
                   for name, source in channels.items()}  # fmt: skip
        return super().fit(sources, **options)


class Trusting(LinearPlugin):
    """Believes every number."""

    def fit(self, channels, *, n_threads=1, report=silent, **rest):
        def cleaned(source):
            for rows in source():
                labels = (
                    np.zeros(rows.n_rows, np.float32) if rows.labels is None else np.nan_to_num(rows.labels)
                )
                values = None if rows.values is None else np.nan_to_num(rows.values)
                yield replace(rows, labels=labels, values=values)

        sources = {name: (lambda source=source: cleaned(source)) for name, source in channels.items()}
        return super().fit(sources, n_threads=n_threads, report=report, **rest)


class Content(LinearPlugin):
    """Is happy with nothing to learn from."""

    def fit(self, channels, **options):
        if not any(rows.n_rows for rows in channels["train"]()):
            return LinearModel(np.zeros(110), 0.0)
        return super().fit(channels, **options)


def with_model(name, **methods):
    """Make a plug-in whose model has some methods replaced."""
    model_type = type(f"{name}Model", (LinearModel,), methods)

    class Plugin(LinearPlugin):
        """Linear regression with a fault."""

        def fit(self, channels, **options):
            model = super().fit(channels, **options)
            return model_type(model.weights, model.bias)

    Plugin.model_type = model_type
    Plugin.__name__ = name
    return Plugin


def predict(change):
    return lambda self, rows, n_threads=1: {"score": change(LinearModel.predict(self, rows)["score"], rows)}


def save_pickle(self, folder):
    (folder / "model.pickle").write_bytes(pickle.dumps((self.weights, self.bias)))


def load_pickle(cls, folder):
    return cls(*pickle.loads((folder / "model.pickle").read_bytes()))


def save_rounded(self, folder):
    LinearModel.save(LinearModel(np.round(self.weights, 3), self.bias), folder)


class Deaf(LinearPlugin):
    """Does not stop when asked."""

    def fit(self, channels, *, n_threads=1, report=silent, **rest):
        def tell(event):
            try:
                report(event)
            except StopTraining:
                return

        return super().fit(channels, report=tell, **rest)


class Stoic(LinearPlugin):
    """Swallows the errors of its listeners."""

    def fit(self, channels, *, n_threads=1, report=silent, **rest):
        def tell(event):
            try:
                report(event)
            except KeyError:
                return

        return super().fit(channels, report=tell, **rest)


class Sisyphus(LinearPlugin):
    """Keeps its states and begins again all the same."""

    def fit(self, channels, *, checkpoints=NO_CHECKPOINTS, **options):
        class NeverLatest:
            latest = NO_CHECKPOINTS.latest
            save = checkpoints.save

        return super().fit(channels, checkpoints=NeverLatest(), **options)


class Solitary(LinearPlugin):
    """Trains on its own rows and passes over the other hosts."""

    def fit(self, channels, *, collective=None, **options):
        return super().fit(channels, **options)


FAULTS = {
    "check_the_declaration_is_complete": Undocumented,
    "check_hyperparameters_survive_as_strings": OneWay,
    "check_unknown_hyperparameters_are_refused": Forgetful,
    "check_the_training_channel_is_required": AnyChannel,
    "check_unknown_channels_are_refused": AnyChannel,
    "check_it_learns": Lazy,
    "check_it_learns_with_two_threads": Slapdash,
    "check_events_tell_the_whole_training": Taciturn,
    "check_the_log_is_found_by_the_published_expressions": Taciturn,
    "check_the_reported_score_is_that_of_the_model": Boastful,
    "check_the_seed_decides_the_model": Moody,
    "check_passes_are_opened_fresh": Hoarder,
    "check_batch_borders_do_not_show": BatchBound,
    "check_a_channel_without_rows_is_refused": Content,
    "check_rows_without_labels_are_refused_if_they_are_needed": Trusting,
    "check_a_bad_label_is_named_with_its_row": Trusting,
    "check_a_bad_value_is_named_with_its_row": Trusting,
    "check_ones_and_no_values_are_the_same": with_model(
        "Nosy", predict=predict(lambda scores, rows: scores * np.float32(np.random.default_rng().random()))
    ),
    "check_saved_models_answer_bit_for_bit": with_model("Rounded", save=save_rounded),
    "check_a_missing_or_broken_model_is_refused": with_model(
        "Pickled", save=save_pickle, load=classmethod(load_pickle)
    ),
    "check_a_row_is_scored_alone": with_model(
        "Centred", predict=predict(lambda scores, rows: scores - scores.mean())
    ),
    "check_answers_are_finite_and_one_per_row": with_model(
        "Short", predict=predict(lambda scores, rows: scores[1:])
    ),
    "check_no_rows_give_no_answers": with_model(
        "Talkative", predict=predict(lambda scores, rows: np.append(scores, 0.0))
    ),
    "check_an_empty_row_is_scored": with_model(
        "Divider",
        predict=predict(lambda scores, rows: np.where(np.diff(rows.indptr) == 0, np.nan, scores)),
    ),
    "check_repeated_indices_add_up": with_model(
        "Counter", predict=predict(lambda scores, rows: scores + np.float32(len(rows.indices)))
    ),
    "check_a_column_beyond_the_model_adds_nothing": with_model(
        "Wrapping",
        predict=lambda self, rows, n_threads=1: LinearModel.predict(
            self, replace(rows, indices=rows.indices % self.n_features)
        ),
    ),
    "check_a_listener_can_stop_the_training": Deaf,
    "check_an_error_of_a_listener_comes_through": Stoic,
    "check_a_killed_training_resumes_to_the_same_model": Sisyphus,
    "check_hosts_learn_one_model_or_are_refused": Solitary,
}


def case_of(broken):
    class BrokenCase(PluginCase):
        algorithm = broken

    return BrokenCase(*(getattr(PLUGIN, name) for name in PLUGIN.__dataclass_fields__))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_check_finds_its_fault(check):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - a broken algorithm may fail in any way
        check(case_of(FAULTS[check.__name__]))
    assert not isinstance(caught.value, (TypeError, NameError, AttributeError)), "the fault itself is faulty"
