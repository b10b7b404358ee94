#!/usr/bin/env python3
"""Writes engine/quant/grids.ts: the code books of the IQ types, packed as the package `gguf` has them.

    pip install gguf==0.19.0 numpy && python3 tests/golden/make-quant-grids.py
"""
import base64
from pathlib import Path

from gguf.quants import IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS

HEAD = '''/**
 * Code books of the IQ types: each entry is 4 or 8 values, each value an index into the book's short
 * list of numbers, lowest bits first. Packed, and unpacked only once a file needs one.
 * Written by tests/golden/make-quant-grids.py; numbers of ggml-common.h (`iq2xxs_grid` ...).
 */
import { fromBase64 } from '../base/base64.ts';

interface PackedGrid {
  /** What an index stands for. */
  readonly values: readonly number[];
  /** Bits of one index. */
  readonly bits: number;
  readonly base64: string;
}

'''
TAIL = '''
export type GridName = keyof typeof PACKED;
const unpacked = new Map<GridName, Int8Array>();

/** The values of all entries of a code book, one entry after the other. */
export function gridOf(name: GridName): Int8Array {
  const known = unpacked.get(name);
  if (known !== undefined) return known;
  const { values, bits, base64 } = PACKED[name];
  const bytes = fromBase64(base64)!;
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const grid = Int8Array.from({ length: bytes.length * perByte }, (_, i) => {
    const shift = (i % perByte) * bits;
    return values[(bytes[Math.floor(i / perByte)]! >> shift) & mask]!;
  });
  unpacked.set(name, grid);
  return grid;
}
'''
# Characters of base64 a line.
WIDTH = 88


def main():
    out = [HEAD, "const PACKED = {\n"]
    for book in (IQ1_S, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S):
        text = base64.b64encode(bytes.fromhex(book.grid_hex.decode())).decode()
        lines = [text[i : i + WIDTH] for i in range(0, len(text), WIDTH)]
        bits = 2 if len(book.grid_map) <= 4 else 4
        out.append(f"  {book.qtype.name}: {{\n    values: {list(book.grid_map)},\n    bits: {bits},\n    base64:\n")
        out.append(" +\n".join(f"      '{line}'" for line in lines) + ",\n  },\n")
    out.append("} as const satisfies Record<string, PackedGrid>;\n")
    out.append(TAIL)
    (Path(__file__).parents[2] / "engine/quant/grids.ts").write_text("".join(out))


if __name__ == "__main__":
    main()
