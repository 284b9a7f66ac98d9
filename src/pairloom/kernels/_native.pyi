"""Native kernels of pairloom.kernels."""

import enum
from typing import Annotated

import numpy
from numpy.typing import NDArray


class Crc(enum.Enum):
    """A cyclic redundancy check."""

    CRC32 = 0

    CRC32C = 1

    CRC64NVME = 2

def update_crc(crc: Crc, value: int, data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> int: ...

def rows_are_full(indptr: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_columns: int) -> bool: ...

def add_by_label(rows: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], labels: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, sums: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu')]) -> None: ...

def available_levels() -> list[str]: ...

class Solver(enum.Enum):
    SGD = 0

    ADAGRAD = 1

    FTRL = 2

    ADAM = 3

class Loss(enum.Enum):
    SQUARED = 0

    LOGISTIC = 1

class Initializer(enum.Enum):
    NORMAL = 0

    UNIFORM = 1

    CONSTANT = 2

class FmStep:
    def __init__(self) -> None: ...

    @property
    def loss(self) -> Loss: ...

    @loss.setter
    def loss(self, arg: Loss, /) -> None: ...

    @property
    def bias_rate(self) -> float: ...

    @bias_rate.setter
    def bias_rate(self, arg: float, /) -> None: ...

    @property
    def linear_rate(self) -> float: ...

    @linear_rate.setter
    def linear_rate(self, arg: float, /) -> None: ...

    @property
    def factors_rate(self) -> float: ...

    @factors_rate.setter
    def factors_rate(self, arg: float, /) -> None: ...

    @property
    def bias_decay(self) -> float: ...

    @bias_decay.setter
    def bias_decay(self, arg: float, /) -> None: ...

    @property
    def linear_decay(self) -> float: ...

    @linear_decay.setter
    def linear_decay(self, arg: float, /) -> None: ...

    @property
    def factors_decay(self) -> float: ...

    @factors_decay.setter
    def factors_decay(self, arg: float, /) -> None: ...

    @property
    def linear_l1(self) -> float: ...

    @linear_l1.setter
    def linear_l1(self, arg: float, /) -> None: ...

    @property
    def factors_l1(self) -> float: ...

    @factors_l1.setter
    def factors_l1(self, arg: float, /) -> None: ...

    @property
    def ftrl_beta(self) -> float: ...

    @ftrl_beta.setter
    def ftrl_beta(self, arg: float, /) -> None: ...

    @property
    def clip(self) -> float: ...

    @clip.setter
    def clip(self, arg: float, /) -> None: ...

    @property
    def rescale(self) -> float: ...

    @rescale.setter
    def rescale(self, arg: float, /) -> None: ...

class FmInitial:
    def __init__(self, factors_method: Initializer, factors_scale: float, linear_method: Initializer, linear_scale: float, accumulator: float) -> None: ...

class AdamSettings:
    def __init__(self, batch_rows: int, first_moment: float, second_moment: float, epsilon: float) -> None: ...

class FmTotals:
    def __init__(self) -> None: ...

    @property
    def loss(self) -> float: ...

    @property
    def weight(self) -> float: ...

    @property
    def absolute_error(self) -> float: ...

    @property
    def outcomes(self) -> tuple[float, float, float, float]: ...

    def add(self, other: FmTotals) -> None: ...

class Rows:
    def __init__(self, indptr: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, row_length: int, indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, labels: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_rows: int) -> None: ...

    def with_indices(self, indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> Rows:
        """The same rows with others in place of the indices, and no values."""

class FmState:
    def __init__(self, solver: Solver, k: int, level: str = '') -> None: ...

    @property
    def level(self) -> str: ...

    @property
    def k_padded(self) -> int: ...

    @property
    def stride(self) -> int: ...

    @property
    def bias(self) -> float: ...

    @bias.setter
    def bias(self, arg: float, /) -> None: ...

    @property
    def bias_state(self) -> tuple[float, float, int]: ...

    @bias_state.setter
    def bias_state(self, arg: tuple[float, float, int], /) -> None: ...

    def initialize(self, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], first: int, seed: int, initial: FmInitial, step: FmStep, n_threads: int) -> None: ...

    def train(self, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], rows: Rows, block_order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], block_rows: int, n_hot: int, n_averaged: int, step: FmStep, n_threads: int) -> FmTotals: ...

    def train_tiles(self, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], rows: Rows, tile_starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], n_groups: int, turns: int, step: FmStep, n_threads: int) -> FmTotals: ...

    def train_adam(self, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], rows: Rows, batch_order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], settings: AdamSettings, step: FmStep, n_threads: int) -> FmTotals: ...

def fm_scores(table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], k_padded: int, bias: float, rows: Rows, out: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], n_threads: int, level: str = '') -> None: ...

def check_rows(rows: Rows, n_features: int) -> int: ...

def mark_repeated(rows: Rows, repeated: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def return_free_memory() -> None:
    """
    Gives memory that is free, and that the allocator keeps for later, back to the system; where that can be asked for.
    """

def count_features(indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], counts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def relabel(indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')], labels: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None: ...

def gather_rows(rows: Rows, order: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], indptr: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')] | None) -> None: ...

class RankingLoss(enum.Enum):
    BPR = 0

    WARP = 1

    SOFTMAX = 2

def fm_train_ranking(table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], n_factors: int, k_padded: int, users: Rows, items: Rows, contexts: Rows, history_offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], history_items: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], first_history: int, history_power: float, group_users: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], group_offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], largest_group: int, events: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], event_items: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], event_weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_negatives: int, accept: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], aliases: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], corrections: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], loss: RankingLoss, rates: tuple[float, float], decays: tuple[float, float], dropouts: tuple[float, float], seed: int, n_threads: int, level: str = '') -> tuple[float, float, float]: ...

def gibbs_stride(n_factors: int) -> int: ...

def gibbs_normals(key: int, column: int, first: int, out: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], level: str = '') -> None: ...

def draw_latents(scores: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], levels: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], cuts: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], key: int, draws: bool, out: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], n_threads: int, level: str = '') -> None: ...

def level_probabilities(scores: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], cuts: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], out: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], n_threads: int, level: str = '') -> None: ...

def level_means(scores: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], cuts: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], out: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu')], n_threads: int, level: str = '') -> None: ...

def level_log_likelihood(scores: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], levels: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], cuts: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], n_threads: int, level: str = '') -> float: ...

class JoinedRows:
    def __init__(self, n_rows: int, n_factors: int, root_weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_threads: int, stored_sums: bool, level: str = '') -> None: ...

    def add_field(self, index: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_columns: int, first_column: int, prior: int) -> None: ...

    def add_block(self, index: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], n_groups: int, starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], groups: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, first_column: int, prior_of: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None: ...

    def sweep(self, residuals: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], linear: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], factors: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], means: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], precisions: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], linear_means: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], linear_precisions: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], noise_precision: float, draws: bool, key: int) -> None: ...

    def scores(self, linear: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], factors: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], out: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def implicit_als(offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], others: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], fixed: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], gram: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], penalties: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], solved: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], n_steps: int, n_threads: int, level: str = '') -> None: ...

class Interaction(enum.Enum):
    FIELD_AWARE = 0

    FIELD_WEIGHTED = 1

    HIGHER_ORDER = 2

class InteractionLayout:
    def __init__(self, kind: Interaction, k: int, n_fields: int, order: int, trains: bool) -> None: ...

    @property
    def k_padded(self) -> int: ...

    @property
    def block(self) -> int: ...

    @property
    def n_blocks(self) -> int: ...

    @property
    def linear(self) -> int: ...

    @property
    def stride(self) -> int: ...

def interaction_initialize(layout: InteractionLayout, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], first: int, seed: int, initial: FmInitial, n_threads: int) -> None: ...

def interaction_train(layout: InteractionLayout, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], pair_weights: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu')], rows: Rows, fields: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, block_order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], block_rows: int, step: FmStep, adagrad: bool, normalize: bool, bias: tuple[float, float], n_threads: int, level: str = '') -> tuple[FmTotals, tuple[float, float]]: ...

def interaction_scores(layout: InteractionLayout, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], pair_weights: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu')], rows: Rows, fields: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, normalize: bool, bias: float, out: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], n_threads: int, level: str = '') -> None: ...

class LinearLoss(enum.Enum):
    LOGISTIC = 0

    HINGE = 1

    SQUARED = 2

    ABSOLUTE = 3

    EPS_INSENSITIVE_ABSOLUTE = 4

    EPS_INSENSITIVE_SQUARED = 5

    QUANTILE = 6

    HUBER = 7

    SOFTMAX = 8

def linear_layout(n_columns: int) -> tuple[int, int]: ...

def linear_train(table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], n_columns: int, n_outputs: int, rows: Rows, block_order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], block_rows: int, loss: LinearLoss, parameter: float, columns: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], bias: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], losses: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu')], clock: float, n_threads: int, level: str = '') -> None: ...

def linear_scores(weights: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], bias: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], rows: Rows, out: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu')], n_threads: int, level: str = '') -> None: ...

def linear_gradient(rows: Rows, residuals: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], gradient: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu')]) -> None: ...

def minimise_penalised(matrix: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], scale: float, gradient: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], start: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], l1: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], max_sweeps: int, step: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

class PairwiseLoss(enum.Enum):
    BPR = 0

    WARP = 1

class PairwiseTotals:
    @property
    def samples(self) -> int: ...

    @property
    def draws(self) -> int: ...

    @property
    def wrong(self) -> int: ...

class Pairwise:
    def __init__(self, loss: PairwiseLoss, users: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], items: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], biases: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], user_sums: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')] | None, item_sums: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')] | None, bias_sums: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')] | None, offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], owners: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], taken: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, keep: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, other: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, rank_weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], rate: float, user_l2: float, item_l2: float, bias_l2: float, learn_biases: bool, learn_users: bool, first_item: int) -> None: ...

    def train(self, seed: int, n_threads: int, level: str = '') -> PairwiseTotals: ...

    def fold_in(self, seed: int, epochs: int, n_threads: int, level: str = '') -> PairwiseTotals: ...

def alias_table(weights: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], keep: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], other: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def draw_negatives(offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], items: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], n_items: int, users: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], seed: int, drawn: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def split_strings(starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], ends: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, separator: str) -> tuple[Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')]]: ...

def hash_text(starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], ends: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, words: tuple[int, int], characters: tuple[int, int], lowercase: bool, seed: int, n_buckets: int) -> tuple[Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')]]: ...

class Relation(enum.Enum):
    CONDITIONAL = 0

    COSINE = 1

    SURPRISE = 2

def related_items(user_offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], user_items: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], item_offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], item_users: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], relation: Relation, least_common: int, chances: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], discount: float, rows: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], items: Annotated[NDArray[numpy.int32], dict(shape=(None, None), order='C', device='cpu')], scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], n_threads: int) -> None: ...

def best_items(scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], items: Annotated[NDArray[numpy.int32], dict(shape=(None, None), order='C', device='cpu')], best: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], n_threads: int) -> None: ...

def encode_vectors(vectors: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], codes: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu')], scales: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], n_threads: int) -> tuple[float, float]: ...

def best_products(vectors: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], queries: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], items: Annotated[NDArray[numpy.int32], dict(shape=(None, None), order='C', device='cpu')], scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], scales: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, boosts: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, refused: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, seen_offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, seen_items: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_threads: int, level: str) -> None: ...

def best_products_by_codes(vectors: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], codes: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], code_scales: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], largest_error: float, largest_length: float, queries: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], items: Annotated[NDArray[numpy.int32], dict(shape=(None, None), order='C', device='cpu')], scores: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], scales: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, boosts: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, refused: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, seen_offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, seen_items: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_threads: int, level: str) -> int: ...

def append_to_rows(indptr: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_per_row: int, columns: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, field: int, cursors: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], row_columns: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')], row_values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')] | None, row_fields: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')] | None) -> None: ...

def append_shared_rows(indptr: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], columns: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, fields: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, index: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], cursors: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], row_columns: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')], row_values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')] | None, row_fields: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')] | None) -> None: ...

def item_gram(offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], items: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], turned_offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], turned_users: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], turned_weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], gram: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], n_threads: int) -> None: ...

class SlimWeights:
    @property
    def size(self) -> int: ...

    def fill(self, offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], items: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def slim(gram: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], l1: float, l2: float, n_neighbours: int, tolerance: float, max_sweeps: int, n_threads: int, level: str = '') -> SlimWeights: ...

class Vocabulary:
    """Numbers keys in order of first appearance and counts them."""

    def __init__(self, seed: int, max_size: int) -> None: ...

    def __len__(self) -> int: ...

    def add_integers(self, values: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None) -> int: ...

    def add_strings(self, starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], ends: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None) -> int: ...

    def lookup_integers(self, values: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, numbers: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

    def lookup_strings(self, starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], ends: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, numbers: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

    def counts(self) -> Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')]: ...

    def export_keys(self) -> tuple[Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu')], Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu')]]:
        """integers, is_string, string_ends, string_data: see vocabulary.hpp."""

    def restore(self, integers: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], is_string: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], ends: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], counts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None: ...

def hash_integers(values: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, seed: int, n_buckets: int, buckets: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def hash_strings(starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], ends: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], data: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.bool_], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, seed: int, n_buckets: int, buckets: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')]) -> None: ...
