/**
 * Automata over code points as automata over the bytes of their text: plain UTF-8, or the inside of
 * a JSON string as `JSON.stringify` writes it (quote, backslash and controls as their escapes).
 */
import type { Budget } from './budget.ts';
import type { ByteDfa } from '../grammar.ts';
import { complement, intersect, normalize, pairsOf } from './ranges.ts';
import type { Ranges } from './ranges.ts';
import type { TextDfa } from './text-dfa.ts';

/** Byte ranges `[from, to]`, one after the other. */
type ByteRow = readonly (readonly [number, number])[];
export type TextEncoding = 'utf8' | 'json';

interface Path {
  readonly row: ByteRow;
  readonly target: number;
}

const ESCAPES: ReadonlyMap<number, string> = new Map([
  [8, '\\b'],
  [9, '\\t'],
  [10, '\\n'],
  [12, '\\f'],
  [13, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);
const ESCAPED: Ranges = normalize([
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]);
const PLAIN: Ranges = complement(ESCAPED);
/** Ranges of code points whose UTF-8 has one length, with lead mark and continuation bytes. */
const LENGTHS: readonly (readonly [number, number, number])[] = [
  [0, 0x7f, 1],
  [0x80, 0x7ff, 2],
  [0x800, 0xffff, 3],
  [0x10000, 0x10ffff, 4],
];

/** State numbers of `dfa` stay; states within characters follow them. */
export function byteDfa(dfa: TextDfa, encoding: TextEncoding, budget: Budget): ByteDfa {
  const edges: number[][] = dfa.edges.map(() => []);
  const inner = new Map<string, number>();
  const stateOf = (paths: readonly Path[]): number => {
    const [first] = paths;
    if (paths.length === 1 && first!.row.length === 0) return first!.target;
    const key = JSON.stringify(paths);
    const known = inner.get(key);
    if (known !== undefined) return known;
    const state = edges.length;
    inner.set(key, state);
    edges.push([]);
    edges[state] = byteEdges(paths, budget, stateOf);
    return state;
  };
  dfa.edges.forEach((triples, state) => {
    edges[state] = byteEdges(pathsOf(triples, encoding, budget), budget, stateOf);
  });
  const accepting = dfa.accepting.flatMap((accepts, state) => (accepts ? [state] : []));
  return { edges, accepting };
}

function pathsOf(triples: readonly number[], encoding: TextEncoding, budget: Budget): Path[] {
  const paths: Path[] = [];
  for (let i = 0; i < triples.length; i += 3) {
    const target = triples[i + 2]!;
    const set: Ranges = [triples[i]!, triples[i + 1]!];
    const plain = encoding === 'json' ? intersect(set, PLAIN) : set;
    for (const [from, to] of pairsOf(plain))
      for (const row of utf8Rows(from, to)) paths.push({ row, target });
    if (encoding === 'json')
      for (const row of escapeRows(intersect(set, ESCAPED))) paths.push({ row, target });
  }
  budget.spend(paths.length);
  return paths;
}

function escapeRows(set: Ranges): ByteRow[] {
  const rows: ByteRow[] = [];
  for (const [from, to] of pairsOf(set))
    for (let code = from; code <= to; code++) rows.push(bytesRow(escapeOf(code)));
  return rows;
}

function escapeOf(code: number): string {
  return ESCAPES.get(code) ?? `\\u${code.toString(16).padStart(4, '0')}`;
}

function bytesRow(text: string): ByteRow {
  return [...text].map((character) => [character.charCodeAt(0), character.charCodeAt(0)] as const);
}

/** Byte ranges whose product is exactly the UTF-8 of `from` to `to` (as in RE2's compiler). */
export function utf8Rows(from: number, to: number): ByteRow[] {
  return LENGTHS.flatMap(([low, high, length]) => {
    const [a, b] = [Math.max(from, low), Math.min(to, high)];
    return a > b ? [] : splitRange(a, b, length);
  });
}

/** Cuts a range where continuation bytes would not run through all of 80 to BF. */
function splitRange(from: number, to: number, length: number): ByteRow[] {
  for (let tail = 1; tail < length; tail++) {
    const mask = (1 << (6 * tail)) - 1;
    if ((from & ~mask) === (to & ~mask)) continue;
    if ((from & mask) !== 0)
      return [
        ...splitRange(from, from | mask, length),
        ...splitRange((from | mask) + 1, to, length),
      ];
    if ((to & mask) !== mask)
      return [...splitRange(from, (to & ~mask) - 1, length), ...splitRange(to & ~mask, to, length)];
  }
  const [low, high] = [utf8(from), utf8(to)];
  return [low.map((byte, i) => [byte, high[i]!] as const)];
}

function utf8(codePoint: number): number[] {
  return [...new TextEncoder().encode(String.fromCodePoint(codePoint))];
}

/** Edges by first byte of `paths`; what remains of them names the target. */
function byteEdges(
  paths: readonly Path[],
  budget: Budget,
  stateOf: (paths: readonly Path[]) => number,
): number[] {
  const cuts = new Set<number>();
  for (const { row } of paths) cuts.add(row[0]![0]).add(row[0]![1] + 1);
  const sorted = [...cuts].sort((a, b) => a - b);
  const out: number[] = [];
  for (let i = 0; i + 1 < sorted.length; i++) {
    const from = sorted[i]!;
    const here = paths.filter(({ row }) => row[0]![0] <= from && row[0]![1] >= from);
    budget.spend(1 + paths.length);
    if (here.length === 0) continue;
    const target = stateOf(here.map(({ row, target }) => ({ row: row.slice(1), target })));
    const last = out.length - 3;
    if (last >= 0 && out[last + 2] === target && out[last + 1] === from - 1)
      out[last + 1] = sorted[i + 1]! - 1;
    else out.push(from, sorted[i + 1]! - 1, target);
  }
  budget.grow(out.length);
  return out;
}

/** The bytes of `text` in UTF-8 as a string of character codes, for `bytes` nodes. */
export function byteString(text: string): string {
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}
