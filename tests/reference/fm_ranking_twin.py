"""The slow twin of the ranking kernel: the loss of one group of events, as a plain function of the parameters."""

import math

import numpy as np

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Draws:
    def __init__(self, seed, group):
        self.state = mix(seed ^ mix((group + STEP) & MASK))

    def next(self):
        self.state = (self.state + STEP) & MASK
        return mix(self.state)

    def happens(self, probability):
        return (self.next() >> 40) * 2.0**-24 < probability

    def item(self, negatives):
        drawn = self.next()
        place = ((drawn >> 32) * len(negatives.accept)) >> 32
        rest = np.float32((drawn & 0xFFFFFF) * 2.0**-24)
        return place if rest < negatives.accept[place] else int(negatives.aliases[place])


def entries(rows, row, skipped=0):
    part = slice(int(rows.indptr[row]) + skipped, int(rows.indptr[row + 1]))
    values = np.ones(len(rows.indices[part])) if rows.values is None else rows.values[part].astype(float)
    return rows.indices[part].tolist(), values


def draw(sides, groups, number, event_items, negatives, step, seed):
    """Return the items drawn against a group, and which of its rows lose their first feature."""
    draws = Draws(seed, number)
    user = int(groups.users[number])
    taken = set(sides.history_items[sides.history_offsets[user] : sides.history_offsets[user + 1]].tolist())
    drawn = []
    for _ in range(step.n_negatives):
        for _ in range(16):
            item = draws.item(negatives)
            if item not in taken:
                drawn.append(item)
                break
    own = 0 if sides.users is None else len(entries(sides.users, user)[0])
    skipped = 0
    if step.user_dropout > 0 and own > (1 if sides.first_history is None else 0):
        skipped = int(draws.happens(step.user_dropout))
    events = groups.events[groups.offsets[number] : groups.offsets[number + 1]]
    items = [int(event_items[event]) for event in events] + drawn
    begins = [
        int(
            step.item_dropout > 0
            and len(entries(sides.items, item)[0]) > 1
            and draws.happens(step.item_dropout)
        )
        for item in items
    ]
    return drawn, skipped, begins


def query(factors, sides, user, event, left_out, skipped):
    found = np.zeros(factors.shape[1])
    for rows, row, first in ((sides.users, user, skipped), (sides.contexts, event, 0)):
        if rows is not None:
            indices, values = entries(rows, row, first)
            found += values @ factors[indices]
    if sides.first_history is not None:
        taken = sides.history_items[sides.history_offsets[user] : sides.history_offsets[user + 1]].tolist()
        kept = [item for item in taken if item not in left_out]
        if kept:
            found += (
                factors[sides.first_history + np.array(kept)].sum(axis=0) * len(kept) ** -sides.history_power
            )
    return found


def score(factors, weights, asked, sides, item, begin):
    """Score of the joined row, less the pairs and weights among what asks."""
    indices, values = entries(sides.items, item, begin)
    own = values[:, None] * factors[indices]
    pairs = sum(own[i] @ own[j] for i in range(len(own)) for j in range(i))
    return values @ weights[indices] + pairs + asked @ own.sum(axis=0)


def group_loss(
    factors, weights, sides, event_items, groups, number, negatives, step, seed, event_weights=None
):
    """Return the loss of a group, in double precision."""
    user = int(groups.users[number])
    events = groups.events[groups.offsets[number] : groups.offsets[number + 1]].tolist()
    drawn, skipped, begins = draw(sides, groups, number, event_items, negatives, step, seed)
    if not drawn:
        return 0.0
    left_out = {int(event_items[event]) for event in events}
    total = 0.0
    for place, event in enumerate(events):
        asked = query(factors, sides, user, event, left_out, skipped)
        own = score(factors, weights, asked, sides, int(event_items[event]), begins[place])
        others = np.array(
            [
                score(factors, weights, asked, sides, item, begin)
                for item, begin in zip(drawn, begins[len(events) :], strict=True)
            ]
        )
        if step.loss == "bpr":
            loss = np.logaddexp(0, others - own).mean()
        elif step.loss == "softmax":
            logits = others - negatives.logs[drawn] - math.log(step.n_negatives)
            loss = np.logaddexp.reduce(np.append(logits, own)) - own
        else:
            loss, first = 0.0, place * len(drawn) // len(events)
            for tries in range(1, len(drawn) + 1):
                violation = others[(first + tries - 1) % len(drawn)] - own + 1
                if violation > 0:
                    loss = math.log(1 + (sides.items.n_rows - 1) // tries) * violation
                    break
        total += loss * (1.0 if event_weights is None else float(event_weights[event]))
    return total


def numerical_gradient(loss, factors, weights, place, delta=1e-5):
    """Return the derivative of a loss by one factor (feature, number) or weight (feature,), by central differences."""
    ends = []
    for sign in (1, -1):
        moved = factors.copy(), weights.copy()
        moved[2 - len(place)][place] += sign * delta
        ends.append(loss(*moved))
    return (ends[0] - ends[1]) / (2 * delta)
