#!/usr/bin/env python3
"""Writes byte-pairs.json: the merges that Hugging Face's trainer learns from texts of the repository.

    pip install tokenizers==0.23.3 && python3 tests/golden/make-byte-pairs.py
"""
import json
from pathlib import Path

from tokenizers import Tokenizer, __version__, models, pre_tokenizers, trainers

ROOT = Path(__file__).parents[2]
FILES = ["assets/texts/calibration.txt", "assets/texts/spoken-sentences.txt"]
SIZE = 800

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
trainer = trainers.BpeTrainer(
    vocab_size=SIZE, special_tokens=["<|endoftext|>"], show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
texts = [(ROOT / name).read_text(encoding="utf-8") for name in FILES]
tokenizer.train_from_iterator(texts, trainer)
model = json.loads(tokenizer.to_str())["model"]
out = {
    "tokenizers": __version__, "files": FILES, "size": SIZE, "merges": model["merges"],
    "pieces": [piece for piece, _ in sorted(model["vocab"].items(), key=lambda row: row[1])],
    "ids": tokenizer.encode(texts[1][:400]).ids,
}
path = Path(__file__).with_name("byte-pairs.json")
path.write_text(json.dumps(out, ensure_ascii=True) + "\n", encoding="utf-8")
