#!/usr/bin/env python3
"""Writes late-scores.json: scores of three passages by late interaction of all-MiniLM-L6-v2 with the vectors of tokens
of assets/late-interaction, in PyTorch. FOLDER is the unpacked model.zip of the catalogue.

    pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0 && python3 tests/golden/make-late-scores.py FOLDER
"""
import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch.nn.functional import normalize, softplus
from transformers import AutoModel

QUERY = "When is bread baked?"
PASSAGES = [
    "The oven is lit at four, and the loaves come out before the shop opens.",
    "Bread is baked every morning at five.",
    "A boat leaves the harbour at noon.",
]
HERE = Path(__file__).parent

folder = sys.argv[1]
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.no_padding()
model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
with safe_open(HERE / "../../assets/late-interaction/all-minilm-l6-v2.safetensors", "pt") as file:
    numbers = file.metadata()
    projection = file.get_tensor("late.projection.weight")
    importance = file.get_tensor("late.importance.weight")


@torch.no_grad()
def rows_of(text):
    ids = [101, *tokenizer.encode(text, add_special_tokens=False).ids, 102]
    return model(torch.tensor([ids])).last_hidden_state[0]


def score(query, passage):
    q, p = rows_of(query), rows_of(passage)
    largest = (normalize(q @ projection.T, dim=-1) @ normalize(p @ projection.T, dim=-1).T).max(1).values
    weights = softplus(q @ importance + float(numbers["importance_offset"]))
    own = normalize(q.mean(0), dim=-1) @ normalize(p.mean(0), dim=-1)
    return ((largest * weights).sum() / weights.sum() + float(numbers["text_share"]) * own).item()


scores = [round(score(QUERY, passage), 6) for passage in PASSAGES]
(HERE / "late-scores.json").write_text(json.dumps(scores) + "\n")
