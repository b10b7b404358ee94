#!/usr/bin/env python3
"""Writes rope-values.json: inverse frequencies of rotary positions in double precision, as the papers
and transformers' modeling_rope_utils.py define them, written down here once more from those.

    python3 tests/golden/make-rope-values.py
"""
import json
import math
from pathlib import Path


def plain(dim, theta):
    """arXiv 2104.09864, 3.2.2: theta_i = theta^(-2i / dim)."""
    return [1 / theta ** (2 * i / dim) for i in range(dim // 2)]


def linear(dim, theta, factor):
    """arXiv 2306.15595: positions divided by the factor."""
    return [f / factor for f in plain(dim, theta)], 1.0


def llama3(dim, theta, factor, low, high, original):
    """transformers' _compute_llama3_parameters, by wavelengths as there."""
    out = []
    for f in plain(dim, theta):
        wave = 2 * math.pi / f
        if wave > original / low:
            out.append(f / factor)
        elif wave < original / high:
            out.append(f)
        else:
            smooth = (original / wave - low) / (high - low)
            out.append((1 - smooth) / factor * f + smooth * f)
    return out, 1.0


def yarn(dim, theta, factor, original, beta_fast=32, beta_slow=1, attention_factor=None):
    """transformers' _compute_yarn_parameters; arXiv 2309.00071, 3.2 to 3.4."""
    def correction(rotations):
        return dim * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(theta))

    low = max(math.floor(correction(beta_fast)), 0)
    high = min(math.ceil(correction(beta_slow)), dim - 1)
    out = []
    for i, f in enumerate(plain(dim, theta)):
        keep = 1 - min(max((i - low) / ((high - low) or 0.001), 0), 1)
        out.append(f / factor * (1 - keep) + f * keep)
    return out, 0.1 * math.log(factor) + 1 if attention_factor is None else attention_factor


def case(name, dim, theta, scaling, result):
    frequencies, magnitude = result
    return {
        "name": name, "ropeDim": dim, "ropeTheta": theta, "scaling": scaling,
        "frequencies": frequencies, "magnitude": magnitude,
    }


def llama3_case(name, dim, factor):
    scaling = {"kind": "llama3", "factor": factor, "lowFreqFactor": 1, "highFreqFactor": 4,
               "originalCtx": 8192}
    return case(name, dim, 500000, scaling, llama3(dim, 500000, factor, 1, 4, 8192))


def yarn_case(name, dim, theta, factor, original, fast=32, slow=1, attention=None):
    frequencies, magnitude = yarn(dim, theta, factor, original, fast, slow, attention)
    scaling = {"kind": "yarn", "factor": factor, "originalCtx": original, "betaFast": fast,
               "betaSlow": slow, "attnFactor": magnitude}
    return case(name, dim, theta, scaling, (frequencies, magnitude))


FACTORS = [1 + i * i / 8 for i in range(16)]
CASES = [
    case("plain", 64, 10000, {"kind": "none"}, (plain(64, 10000), 1.0)),
    case("plain, SmolLM2", 64, 100000, {"kind": "none"}, (plain(64, 100000), 1.0)),
    case("linear", 32, 10000, {"kind": "linear", "factor": 4}, linear(32, 10000, 4)),
    case("factors", 32, 10000, {"kind": "factors", "factors": FACTORS},
         ([f / by for f, by in zip(plain(32, 10000), FACTORS)], 1.0)),
    llama3_case("Llama 3.1 8B", 128, 8),
    llama3_case("Llama 3.2 1B", 64, 32),
    yarn_case("YaRN, 32,768 positions stretched four times", 128, 1000000, 4, 32768),
    yarn_case("YaRN, own betas and attention factor", 64, 10000, 16, 4096, 16, 2, 1.5),
    yarn_case("YaRN, so short that no pair is kept whole", 16, 10000, 4, 8),
]

if __name__ == "__main__":
    head = {"generator": "tests/golden/make-rope-values.py", "cases": CASES}
    (Path(__file__).parent / "rope-values.json").write_text(json.dumps(head, indent=1) + "\n")
