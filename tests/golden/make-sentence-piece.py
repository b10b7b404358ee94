#!/usr/bin/env python3
"""Writes sentence-piece.json: tiny SentencePiece models, trained here on made-up text, and the ids the
package `sentencepiece` gives for awkward texts. Deterministic for a seed and package version.

    pip install sentencepiece==0.2.3 && python3 tests/golden/make-sentence-piece.py
"""
import base64
import io
import json
import random
import tempfile
from importlib.metadata import version
from pathlib import Path

import sentencepiece as spm

SEED = 20261128
WORDS = {
    "latin": "the a of and token model word river stone garden light people little water house naïve café über señor".split(),
    "cyrillic": "слово модель река камень сад свет люди вода дом".split(),
    "greek": "λέξη μοντέλο ποτάμι πέτρα κήπος φως νερό σπίτι".split(),
    "cjk": "語 漢字 模型 河 石 庭 光 人 水 家 日本語 テキスト".split(),
    "arabic": "كلمة نموذج نهر حجر حديقة ضوء".split(),
    "devanagari": "शब्द नदी पत्थर बगीचा प्रकाश".split(),
}
SYMBOLS = ["<word>", "<|turn|>", "\n\n", "日本"]
# Rules of a charsmap of our own: the packaged ones take 240 kB.
RULES = [
    ("FF21", "41"), ("FF22", "42"), ("FB01", "66 69"), ("3000", "20"), ("A0", "20"), ("9", "20"),
    ("65 301", "E9"), ("AD", ""), ("2460", "31"), ("1F44D 1F3FD", "1F44D"), ("D A", "20"),
]
MODELS = {
    "bpe, bytes, spaces kept": dict(
        model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, user_defined_symbols=SYMBOLS),
    "bpe, no prefix, spaces kept": dict(
        model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=False, user_defined_symbols=SYMBOLS),
    "bpe, rules, spaces removed": dict(model_type="bpe", rules=True),
    "unigram, rules, spaces removed": dict(
        model_type="unigram", rules=True, user_defined_symbols=SYMBOLS[:2]),
    "unigram, bytes, no prefix": dict(
        model_type="unigram", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=False),
    "unigram, no unknown bytes": dict(
        model_type="unigram", normalization_rule_name="identity", remove_extra_whitespaces=False,
        bos_id=-1, eos_id=1, unk_id=2, pad_id=0),
}
FIXED = [
    "", " ", "   ", "\n", "a", " a", "a ", "  a  b  ", "the river", "the  river\nthe   stone\n\n\nend",
    "<word>", "a<word>b", " <word> a", "a <word> <word>b", "<|turn|>the<|turn|>", "<s>", "</s> <unk> <pad>",
    "<0x41> <0x0A>", "\u2581a \u2581", "👍🏽 🤖 👨‍👩‍👧‍👦 🇫🇷", "日本語のテキスト。日本", "ＡＢ ﬁne ①\u3000x\u00a0y\tz",
    "cafe\u0301 soft\u00adhyphen", "a\r\nb", "zzzzqqqq ÿÿÿÿ", "\u0000 \u0001", "नदी كلمة река ποτάμι",
    "a" * 300, " " * 40 + "x" + " " * 40, "the" * 50, "\U0010ffff\ufffd\ufeff",
]


def sentence(rng):
    words = WORDS[rng.choice(list(WORDS))] + WORDS["latin"]
    text = " ".join(rng.choice(words) for _ in range(rng.randint(2, 9)))
    return text + rng.choice([".", ",", "!", "?", "", " 123", " 4.5", " (a)"])


def awkward(rng):
    pool = [w for words in WORDS.values() for w in words] + SYMBOLS + [" ", "  ", "\n", "\t", "ﬁ", "Ａ", "é", "e\u0301", "🤖", "𝔸", "x7"]
    return rng.choice(["", " "]).join(rng.choice(pool) for _ in range(rng.randint(1, 14)))


def train(sentences, rules=False, **options):
    with tempfile.TemporaryDirectory() as folder:
        if rules:
            path = Path(folder) / "rules.tsv"
            path.write_text("".join(f"{a}\t{b}\n" for a, b in RULES))
            options["normalization_rule_tsv"] = str(path)
        out = io.BytesIO()
        size = 560 if options.get("byte_fallback") else 330
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=out, vocab_size=size, num_threads=1,
            character_coverage=0.98, hard_vocab_limit=False, minloglevel=2, **options)
        return out.getvalue()


def main():
    rng = random.Random(SEED)
    sentences = [sentence(rng) for _ in range(2000)]
    texts = FIXED + [awkward(rng) for _ in range(120)]
    rows = []
    for name, options in MODELS.items():
        model = train(sentences, **options)
        processor = spm.SentencePieceProcessor(model_proto=model)
        rows.append({
            "name": name,
            "base64": base64.b64encode(model).decode(),
            "nVocab": processor.vocab_size(),
            "bosId": processor.bos_id(),
            "ids": [processor.encode(text) for text in texts],
        })
    head = {
        "generator": "tests/golden/make-sentence-piece.py",
        "seed": SEED,
        "versions": {"sentencepiece": version("sentencepiece")},
        "texts": texts,
        "models": rows,
    }
    path = Path(__file__).parent / "sentence-piece.json"
    path.write_text(json.dumps(head, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
