"""The hash functions of native/include/pairloom/hashing.hpp, one integer at a time."""

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x):
    x &= MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def hash_integer(key, seed):
    return mix(mix(seed + GOLDEN) ^ (key & MASK))


def hash_bytes(data, seed):
    h = mix(seed + len(data) + 1)
    for i in range(0, len(data), 8):
        h = mix(h ^ int.from_bytes(data[i : i + 8], "little"))
    return h


def hash_bucket(h, n_buckets):
    return (h >> 32) * n_buckets >> 32


def hash_key(text, seed=0):
    """Hash the text of an id: an integer where it is canonical decimal text of 64 bits."""
    try:
        integer = int(text)
    except ValueError:
        return hash_bytes(text.encode(), seed)
    canonical = str(integer) == text and -(2**63) <= integer < 2**63
    return hash_integer(integer, seed) if canonical else hash_bytes(text.encode(), seed)
