#!/usr/bin/env python3
"""Writes chrf.json: chrF2 of sentences and of all of them together, by sacrebleu.

    pip install sacrebleu==2.4.3 && python3 tests/golden/make-chrf.py
"""
import json
from pathlib import Path

from sacrebleu.metrics import CHRF

# Hypothesis, references.
CASES = [
    ["Il fait froid ce matin.", ["Il fait froid ce matin."]],
    ["Il fait très froid.", ["Il fait froid ce matin.", "Ce matin il fait très froid."]],
    ["", ["Rien du tout."]],
    ["oui", ["Oui, bien sûr, avec plaisir !"]],
    ["Oui, bien sûr, avec plaisir !", ["oui"]],
    ["xyz", ["abc"]],
    ["ab", ["ba", "ab ab", "b"]],
    ["Qu'est-ce que c'est\u202f?", ["Qu’est-ce\u00a0que c’est ?", "C'est quoi ?"]],
    ["tab\tand\nline\u3000wide\u2009thin\u0085next", ["tab and line wide thin next"]],
    ["\ufeffmark \x1cfile", ["mark file"]],
    ["🙂🙃 smile", ["🙂 smile", "🙃🙂 smiles"]],
    ["e\u0301te\u0301", ["été"]],
    ["aaaaaaaaaa", ["aaaa", "aaaaaaaaaaaaaaaaaaaa"]],
    ["Le chat dort sur le lit.", ["Le chien dort sous le lit.", "Un chat dort.", "Le chat est sur le lit."]],
]
metric = CHRF()
hypotheses = [hypothesis for hypothesis, _ in CASES]
most = max(len(references) for _, references in CASES)
streams = [[refs[i] if i < len(refs) else refs[0] for _, refs in CASES] for i in range(most)]
golden = {
    "sentences": [
        {"hypothesis": h, "references": r, "score": metric.sentence_score(h, r).score} for h, r in CASES
    ],
    "corpus": metric.corpus_score(hypotheses, streams).score,
    "signature": str(metric.get_signature()),
}
(Path(__file__).parent / "chrf.json").write_text(json.dumps(golden, indent=1) + "\n")
