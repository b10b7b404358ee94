#!/usr/bin/env python3
"""Writes tiny-classifier.json: the logits that transformers makes of texts and of pairs with the tests' tiny classifier,
passages of pairs with the second token type. The folder comes from make-tiny-bert.ts.

    node tests/golden/make-tiny-bert.ts FOLDER classifier
    pip install torch==2.15.0 transformers==5.24.0 && python3 tests/golden/make-tiny-classifier.py FOLDER
"""
import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

TEXTS = [
    ("The sea is blue.", None),
    ("a cat sat on the mat, rain!", None),
    ("warm" * 30, None),
    ("The sea is blue.", "a warm sea"),
    ("a cat", "bread is warm, rain is blue?"),
]

folder = sys.argv[1]
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
model, info = BertForSequenceClassification.from_pretrained(
    folder, attn_implementation="eager", output_loading_info=True
)
if info["missing_keys"] or info["unexpected_keys"]:
    raise SystemExit(info)
model.eval()
CLS, SEP, MOST = 2, 3, 48
ids_of = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
rows = []
for text, passage in TEXTS:
    first = [CLS, *ids_of(text)[: MOST - 2], SEP]
    second = [] if passage is None else [*ids_of(passage), SEP]
    types = [0] * len(first) + [1] * len(second)
    with torch.no_grad():
        logits = model(torch.tensor([first + second]), token_type_ids=torch.tensor([types])).logits[0]
    rows.append(
        {
            "text": text,
            "passage": passage,
            "ids": first + second,
            "logits": [round(x, 6) for x in logits.tolist()],
        }
    )
out = {"source": f"transformers {version('transformers')}", "rows": rows}
Path(__file__).with_name("tiny-classifier.json").write_text(json.dumps(out) + "\n")
