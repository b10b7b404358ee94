#!/usr/bin/env python3
"""Writes tiny-bert.json: what transformers makes of the tests' tiny encoder and its tokenizer, as the
mean and the first row of the last layer. The folder comes from make-tiny-bert.ts.

    node tests/golden/make-tiny-bert.ts FOLDER
    pip install torch==2.15.0 transformers==4.57.6 && python3 tests/golden/make-tiny-bert.py FOLDER
"""
import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BertModel

TEXTS = [
    "The sea is blue.",
    "a cat sat on the mat, rain!",
    "Caf\u00e9 \u00c5ngstr\u00f6m na\u00efve \u4e2d\u6587 \u2014 \u201cbread\u201d\u2026 \U0001f35e\u200d\ufe0f don't",
    "tab\tnew\nline\u00a0nbsp\u200bzero \x07bell \ufffd",
    "warm" * 30,
    "I\u0130\u0131\u00df \u01c5 \ufb01sh x\u0301y",
]

folder = sys.argv[1]
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
model, info = BertModel.from_pretrained(
    folder, add_pooling_layer=False, attn_implementation="eager", output_loading_info=True
)
if info["missing_keys"] or info["unexpected_keys"]:
    raise SystemExit(info)
model.eval()
CLS, SEP, MOST = 2, 3, 48
rows = []
for text in TEXTS:
    ids = [CLS, *tokenizer.encode(text, add_special_tokens=False).ids[: MOST - 2], SEP]
    with torch.no_grad():
        hidden = model(torch.tensor([ids])).last_hidden_state[0]
    value = lambda row: [round(x, 6) for x in row.tolist()]
    rows.append({"text": text, "ids": ids, "mean": value(hidden.mean(0)), "cls": value(hidden[0])})
out = {"source": f"transformers {version('transformers')}", "rows": rows}
Path(__file__).with_name("tiny-bert.json").write_text(json.dumps(out) + "\n")
