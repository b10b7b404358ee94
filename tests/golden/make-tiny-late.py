#!/usr/bin/env python3
"""Writes tiny-late.json: scores of passages by late interaction with a query, by the tests' tiny encoder in transformers
and its vectors of tokens in PyTorch. The folder comes from make-tiny-bert.ts.

    node tests/golden/make-tiny-bert.ts FOLDER
    pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0 && python3 tests/golden/make-tiny-late.py FOLDER
"""
import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch.nn.functional import normalize, softplus
from transformers import BertModel

QUERIES = ["the sea", "a cat sat on the mat?", "rain"]
PASSAGES = ["The sea is blue.", "bread is warm", "a cat sat on the mat, rain!", "warm" * 30, "b"]

folder = sys.argv[1]
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
model = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager").eval()
with safe_open(f"{folder}/late/late.safetensors", "pt") as file:
    numbers = file.metadata()
    projection = file.get_tensor("late.projection.weight")
    importance = file.get_tensor("late.importance.weight")
CLS, SEP, MOST = 2, 3, 48


def ids_of(text):
    return [CLS, *tokenizer.encode(text, add_special_tokens=False).ids[: MOST - 2], SEP]


@torch.no_grad()
def rows_of(text):
    return model(torch.tensor([ids_of(text)])).last_hidden_state[0]


def score(query, passage):
    q, p = rows_of(query), rows_of(passage)
    largest = (normalize(q @ projection.T, dim=-1) @ normalize(p @ projection.T, dim=-1).T).max(1).values
    weights = softplus(q @ importance + float(numbers["importance_offset"]))
    own = normalize(q.mean(0), dim=-1) @ normalize(p.mean(0), dim=-1)
    return ((largest * weights).sum() / weights.sum() + float(numbers["text_share"]) * own).item()


rows = [
    {"query": ids_of(query), "scores": [round(score(query, passage), 6) for passage in PASSAGES]}
    for query in QUERIES
]
out = {
    "source": f"transformers {version('transformers')}",
    "passages": [ids_of(passage) for passage in PASSAGES],
    "rows": rows,
}
Path(__file__).with_name("tiny-late.json").write_text(json.dumps(out) + "\n")
