/** Examples in passes: as many whole sequences together as are in memory at a time. */
import type { Pass, Shares } from './adapter-training.ts';
import type { EncodedText, Example } from './encode.ts';

export interface PackedPass extends Pass {
  /** The examples in it, and for each text of theirs the picks it has: [from, to). */
  readonly entries: readonly PackedExample[];
}

export interface PackedExample {
  readonly example: Example;
  readonly spans: readonly (readonly [from: number, to: number])[];
}

/** Rows that a text takes: every token but the last, which is only a target. */
const rowsOfText = ({ tokens }: EncodedText): number => tokens.length - 1;
export const rowsOf = ({ texts }: Example): number =>
  texts.reduce((sum, text) => sum + rowsOfText(text), 0);

/** @param nRow rows in memory; no example has more */
export function* packPasses(
  examples: readonly Example[],
  nRow: number,
): Generator<PackedPass, void, void> {
  let group: Example[] = [];
  let used = 0;
  for (const example of examples) {
    const needed = rowsOf(example);
    if (used + needed > nRow && group.length > 0) {
      yield packed(group);
      group = [];
      used = 0;
    }
    group.push(example);
    used += needed;
  }
  if (group.length > 0) yield packed(group);
}

function packed(examples: readonly Example[]): PackedPass {
  const tokens: number[] = [];
  const starts: number[] = [];
  const active: number[] = [];
  const picks: number[] = [];
  const targets: number[] = [];
  const said = examples.flatMap(({ texts }) => texts.map(({ shares }) => shares));
  const entries = examples.map((example) => {
    const spans = example.texts.map((text) => {
      const first = picks.length;
      starts.push(tokens.length);
      for (let i = 0; i < rowsOfText(text); i++) {
        if (text.learned[i + 1] === 1) {
          picks.push(tokens.length);
          targets.push(text.tokens[i + 1]!);
        }
        tokens.push(text.tokens[i]!);
        active.push(i >= text.activeFrom ? 1 : 0);
      }
      return [first, picks.length] as const;
    });
    return { example, spans };
  });
  starts.push(tokens.length);
  return {
    ...{ tokens: Uint32Array.from(tokens), starts: Uint32Array.from(starts), entries },
    ...{ active: Float32Array.from(active), picks: Uint32Array.from(picks) },
    ...{ targets: Uint32Array.from(targets), weights: new Float32Array(picks.length).fill(1) },
    shares: joinShares(said),
  };
}

/** What a teacher says of all texts of a pass; null where it says nothing. */
function joinShares(said: readonly (Shares | undefined)[]): Shares | null {
  if (said.some((one) => one === undefined)) return null;
  const join = <T>(values: (one: Shares) => Iterable<T>): T[] =>
    said.flatMap((one) => [...values(one!)]);
  return {
    ids: Uint32Array.from(join(({ ids }) => ids)),
    values: Float32Array.from(join(({ values }) => values)),
  };
}
