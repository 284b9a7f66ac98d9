"""Decimal text to the nearest float32, by exact arithmetic."""

from fractions import Fraction

import numpy as np

LARGEST = Fraction(2**128 - 2**104)
HALF_STEP = Fraction(2**103)


def nearest_float32(text: str) -> np.float32 | None:
    """None beyond the float32 range; ties go to the even mantissa."""
    exact = Fraction(text)
    if abs(exact) >= LARGEST + HALF_STEP:
        return None
    guess = np.float32(np.clip(float(text), -float(LARGEST), float(LARGEST)))
    candidates = [np.nextafter(guess, np.float32(-3e38)), guess, np.nextafter(guess, np.float32(3e38))]
    best = min(candidates, key=lambda c: (abs(Fraction(float(c)) - exact), int(c.view(np.uint32)) & 1))
    return np.copysign(best, np.float32(-1 if text.startswith("-") else 1))
