"""Writes CIDEr-D and BLEU-4 of made-up captions, by the COCO captions' own code.

    pip install --no-deps pycocoevalcap==1.2 numpy
    python tests/golden/make-caption-scores.py

Captions are words with spaces between them, which the tests cut in the same way: how texts become words is not compared.
"""

import json
import pathlib
import random

from pycocoevalcap.bleu.bleu_scorer import BleuScorer
from pycocoevalcap.cider.cider_scorer import CiderScorer

WORDS = "a the dog cat man woman red blue small runs sits on beach grass with ball two in hat park".split()


def caption(random_, length):
    return " ".join(random_.choice(WORDS) for _ in range(length))


def main():
    r = random.Random(7)
    pictures = []
    for i in range(40):
        references = [caption(r, r.randint(4, 12)) for _ in range(1 + i % 5)]
        # Near one of them, or anything; one that says a thing again and again.
        words = r.choice(references).split() if i % 3 else caption(r, r.randint(1, 15)).split()
        if i % 4 == 0:
            words[r.randrange(len(words))] = r.choice(WORDS)
        if i % 7 == 0:
            words = words + words[-2:] * 2
        pictures.append({"said": " ".join(words), "references": references})
    cider = CiderScorer(n=4, sigma=6.0)
    bleu = BleuScorer(n=4)
    for picture in pictures:
        cider += (picture["said"], picture["references"])
        bleu += (picture["said"], picture["references"])
    mean, each = cider.compute_score()
    corpus, _ = bleu.compute_score(option="closest", verbose=0)
    out = {
        "source": "pycocoevalcap 1.2",
        "pictures": pictures,
        "cider": {"mean": float(mean), "each": [float(x) for x in each]},
        "bleu4": float(corpus[3]),
    }
    path = pathlib.Path(__file__).parent / "caption-scores.json"
    path.write_text(json.dumps(out, indent=1) + "\n")


main()
