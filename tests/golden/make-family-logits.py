#!/usr/bin/env python3
"""Writes family-logits.json: what transformers makes of every family's fixture, as logits of a few
positions of the tests' text. The folders come from make-family-logits.ts.

    node tests/golden/make-family-logits.ts FOLDER
    pip install torch==2.15.0 transformers==4.57.6 && python3 tests/golden/make-family-logits.py FOLDER
"""
import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

POSITIONS = [24, 47, 79]


def logits_of(folder, text):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True
    )
    if info["missing_keys"] or info["unexpected_keys"]:
        raise SystemExit(f"{folder}: {info}")
    with torch.no_grad():
        rows = model(torch.tensor([text])).logits[0]
    return [[round(x, 3) for x in rows[position].tolist()] for position in POSITIONS]


root = Path(sys.argv[1])
index = json.loads((root / "models.json").read_text())
out = {
    "source": f"transformers {version('transformers')}",
    "positions": POSITIONS,
    "logits": {m["title"]: logits_of(root / m["folder"], index["text"]) for m in index["models"]},
}
target = Path(__file__).with_name("family-logits.json")
target.write_text(json.dumps(out, separators=(",", ":")) + "\n")
