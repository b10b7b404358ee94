#!/usr/bin/env python3
"""Writes quant-blocks.json and quant-blocks.bin: random blocks of every source type and the values
the reference package `gguf` gives for them. What it cannot do (Q1_0 and Q2_0, which ggml has) is
written out below from ggml-common.h and ggml-quants.c. Deterministic for a seed and package version.

    pip install gguf==0.19.0 numpy && python3 tests/golden/make-quant-fixtures.py
"""
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T, quants

SEED = 20261123
# Byte offsets of the half-precision numbers in a block; all other bytes are free.
HALVES = {
    "F32": [], "F16": [0], "BF16": [],
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ1_S": [0], "IQ1_M": [], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0],
    "IQ3_S": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64], "MXFP4": [], "Q1_0": [0], "Q2_0": [0],
}
# Elements and bytes of a block, where the package does not have the type.
SIZES = {"Q2_0": (64, 18)}
# Zero, the least subnormal, the largest subnormal, one and a large value, both signs.
AWKWARD_HALVES = [0x0000, 0x8000, 0x0001, 0x83FF, 0x3C00, 0xBC00, 0x7000]


def random_blocks(rng, name):
    elements, size = SIZES[name] if name in SIZES else GGML_QUANT_SIZES[T[name]]
    count = 64 if elements == 1 else 12 if elements <= 128 else 5
    if name in ("F32", "BF16"):
        floats = (rng.standard_normal(count) * 10.0 ** rng.integers(-30, 30, count)).astype(np.float32)
        raw = floats.view(np.uint8).reshape(count, 4)
        return raw if name == "F32" else np.ascontiguousarray(raw[:, 2:])
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for offset in HALVES[name]:
        halves = (rng.standard_normal(count) * 2.0 ** rng.integers(-12, 4, count)).astype(np.float16)
        picks = rng.permutation(count)[: min(len(AWKWARD_HALVES), count // 2)]
        halves.view(np.uint16)[picks] = AWKWARD_HALVES[: len(picks)]
        blocks[:, offset : offset + 2] = halves.view(np.uint8).reshape(count, 2)
    if name == "MXFP4":  # powers of two that a half can hold
        blocks[:, 0] = rng.integers(104, 144, count)
    if name == "IQ1_M":  # a half in the four highest nibbles, whose highest exponent bit is cleared: below 2
        words = blocks[:, 48:56].copy().view(np.uint16)
        blocks[:, 48:56] = (words & ~(np.uint16(0x4000) * np.array([0, 0, 0, 1], np.uint16))).view(np.uint8)
    return blocks


def values_of(name, blocks):
    """Q1_0: f16 d, 16 bytes of signs, lowest bit first; d or -d.
    Q2_0: f16 d, 16 bytes of 2-bit codes, lowest first; (code - 1) d."""
    if name not in ("Q1_0", "Q2_0"):
        return quants.dequantize(blocks, T[name]).astype("<f4").reshape(-1)
    d = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    bits = np.unpackbits(blocks[:, 2:], axis=1, bitorder="little").astype(np.int8)
    codes = bits * 2 - 1 if name == "Q1_0" else bits[:, 0::2] + 2 * bits[:, 1::2] - 1
    return (d * codes.astype(np.float32)).astype("<f4").reshape(-1)


def main():
    rng = np.random.default_rng(SEED)
    data = bytearray()
    rows = []
    for name in HALVES:
        blocks = random_blocks(rng, name)
        values = values_of(name, blocks)
        rows.append({
            "dtype": name,
            "blocks": {"offset": len(data), "bytes": blocks.size},
            "values": {"offset": len(data) + blocks.size, "count": values.size},
        })
        data += blocks.tobytes() + values.tobytes()
    folder = Path(__file__).parent
    (folder / "quant-blocks.bin").write_bytes(bytes(data))
    head = {
        "generator": "tests/golden/make-quant-fixtures.py",
        "seed": SEED,
        "versions": {"gguf": version("gguf"), "numpy": np.__version__},
        "sha256": hashlib.sha256(data).hexdigest(),
        "rows": rows,
    }
    (folder / "quant-blocks.json").write_text(json.dumps(head, indent=1) + "\n")


if __name__ == "__main__":
    main()
