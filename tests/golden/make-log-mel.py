#!/usr/bin/env python3
"""Writes log-mel.json: frames and statistics of transformers' WhisperFeatureExtractor, of speech and
of signals that the test makes again from the same formulas.

    pip install transformers==4.57.6 numpy && python3 tests/golden/make-log-mel.py jfk.wav
"""
import json
import sys
import wave
from importlib.metadata import version
from pathlib import Path

import numpy as np
from transformers import WhisperFeatureExtractor

RATE = 16_000
FRAMES = [0, 1, 2, 57, 499, 1000, 1099, 1100, 1101, 2996, 2998, 2999]


def noise(n, seed=12345):
    """A linear congruential generator's upper bits in [-1, 1)."""
    out = np.empty(n, np.float32)
    for i in range(n):
        seed = (seed * 1103515245 + 12345) % 2**31
        out[i] = (seed >> 8) / 2**22 - 1
    return out


def chirp(n):
    t = np.arange(n) / RATE
    return (0.5 * np.sin(2 * np.pi * (50 + 120 * t) * t)).astype(np.float32)


def speech(path):
    with wave.open(path) as file:
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


signals = {
    "speech": (speech(sys.argv[1]), 80),
    "speech128": (speech(sys.argv[1]), 128),
    "noise": (noise(30 * RATE), 80),
    "chirp": (chirp(30 * RATE), 80),
    "tenMilliseconds": (chirp(160), 80),
    "silence": (np.zeros(RATE, np.float32), 80),
}


def describe(samples, n_mels):
    extract = WhisperFeatureExtractor(feature_size=n_mels)
    mel = extract(samples, sampling_rate=RATE, return_tensors="np").input_features[0].T
    rows = {str(f): [round(float(x), 5) for x in mel[f][:: n_mels // 40]] for f in FRAMES}
    return {
        "nSample": len(samples),
        "nMels": n_mels,
        "step": n_mels // 40,
        "mean": round(float(mel.mean(dtype=np.float64)), 6),
        "deviation": round(float(mel.std(dtype=np.float64)), 6),
        "bandMeans": [round(float(x), 5) for x in mel.mean(axis=0, dtype=np.float64)],
        "frames": rows,
    }


out = {
    "source": f"transformers {version('transformers')}",
    "signals": {name: describe(*signal) for name, signal in signals.items()},
}
target = Path(__file__).with_name("log-mel.json")
target.write_text(json.dumps(out, separators=(",", ":")) + "\n")
