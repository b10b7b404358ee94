#!/usr/bin/env python3
"""Writes whisper.json: what CTranslate2 makes of 11 s of speech in float32, of the very files that
`thimble pull` brings: rows of the encoder's output, greedy tokens with the likeliest logits of each
step, the probability of no speech, the language, and when each token is spoken.

    pip install ctranslate2==4.8.5 transformers==4.57.6 numpy
    python3 tests/golden/make-whisper.py jfk.wav FOLDER...     (CTranslate2 folders, model.bin joined)
"""
import json
import sys
import wave
from importlib.metadata import version
from pathlib import Path

import ctranslate2
import numpy as np
from transformers import WhisperFeatureExtractor

POSITIONS = [0, 1, 33, 250, 549, 560, 900, 1499]
STEPS_TOP = 6


def speech(path):
    with wave.open(str(path)) as file:
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


def special(folder):
    added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    return {token["content"]: token["id"] for token in added}


def describe(folder, samples):
    model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="float32", intra_threads=1)
    mel = WhisperFeatureExtractor(feature_size=model.n_mels)(samples, sampling_rate=16_000, return_tensors="np")
    encoded = model.encode(ctranslate2.StorageView.from_array(mel.input_features))
    rows = np.array(encoded)[0]
    ids = special(folder)
    start = [ids["<|startoftranscript|>"]]
    if model.is_multilingual:
        start += [ids["<|en|>"], ids["<|transcribe|>"]]
    result = model.generate(
        encoded, [start], beam_size=1, return_scores=True, return_logits_vocab=True, return_no_speech_prob=True
    )[0]
    tokens = result.sequences_ids[0]
    steps = []
    for logits in result.logits[0]:
        values = np.array(logits, dtype=np.float32).reshape(-1)
        top = np.argsort(-values)[:STEPS_TOP]
        steps.append([[int(i), round(float(values[i]), 3)] for i in top])
    text = [t for t in tokens if t < ids["<|endoftext|>"]]
    frames = len(samples) // 160
    aligned = model.align(encoded, start, [text], [frames])[0]
    out = {
        "rows": {str(p): [round(float(x), 4) for x in rows[p, :24]] for p in POSITIONS},
        "norms": {str(p): round(float(np.linalg.norm(rows[p])), 3) for p in POSITIONS},
        "tokens": tokens,
        "logits": steps,
        "noSpeech": round(float(result.no_speech_prob), 5),
        "score": round(float(result.scores[0]), 5),
        "text": text,
        "alignment": [[int(a), int(b)] for a, b in aligned.alignments],
        "probabilities": [round(float(p), 4) for p in aligned.text_token_probs],
    }
    if model.is_multilingual:
        best = model.detect_language(encoded)[0][0]
        out["language"] = [best[0], round(float(best[1]), 4)]
    return out


samples = speech(Path(sys.argv[1]))
out = {
    "source": f"ctranslate2 {version('ctranslate2')}, float32",
    "models": {Path(f).name: describe(Path(f), samples) for f in sys.argv[2:]},
}
target = Path(__file__).with_name("whisper.json")
target.write_text(json.dumps(out, separators=(",", ":")) + "\n")
