"""Splitting and n-gram hashing of native/include/pairloom/raw_text.hpp, the obvious way."""

import re

from reference.hashing import hash_bucket, hash_bytes, mix

BLANKS = " \t\n\r\v\f"
WORD = re.compile(r"[a-zA-Z0-9_\u0080-\U0010ffff]+")


def split(text, separator):
    pieces = (piece.strip(BLANKS) for piece in (text or "").split(separator))
    return [piece for piece in pieces if piece]


def ngram_hashes(text, words=(1, 1), characters=(0, 0), lowercase=True, seed=0):
    """Hash every n-gram, in no particular order."""
    hashes = []
    found = WORD.findall(text or "")
    if lowercase:
        found = ["".join(c.lower() if c < "\x80" else c for c in word) for word in found]
    alone = [hash_bytes(word.encode(), seed) for word in found]
    if words[1]:
        for n in range(words[0], words[1] + 1):
            for first in range(len(alone) - n + 1):
                h = alone[first]
                if n > 1:
                    h = mix(h)
                for other in alone[first + 1 : first + n]:
                    h = mix(h ^ other)
                hashes.append(h)
    if characters[1]:
        for word in found:
            marked = f"<{word}>"
            for n in range(characters[0], characters[1] + 1):
                runs = [marked[i : i + n] for i in range(len(marked) - n + 1)]
                hashes += [hash_bytes(run.encode(), seed + 1) for run in runs]
    return hashes


def ngram_buckets(text, n_buckets, **options):
    return sorted(hash_bucket(h, n_buckets) for h in ngram_hashes(text, **options))
