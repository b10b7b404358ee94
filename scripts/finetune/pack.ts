/** Examples in passes: as many whole sequences together as are in memory at a time. */
import type { BatchVectors } from '../train/training.ts';
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

/** What reads the vectors of a set of pictures. */
export interface PictureVectors {
  /** Vectors of a picture. */
  readonly nPosition: number;
  /** @returns [nPosition, nIn] */
  vectorsOf(index: number): Float32Array;
}

/** @param nRow rows in memory; no example has more @param pictures those that texts show; null for texts alone */
export function* packPasses(
  examples: readonly Example[],
  nRow: number,
  pictures: PictureVectors | null = null,
): Generator<PackedPass, void, void> {
  let group: Example[] = [];
  let used = 0;
  for (const example of examples) {
    const needed = rowsOf(example);
    if (used + needed > nRow && group.length > 0) {
      yield packed(group, pictures);
      group = [];
      used = 0;
    }
    group.push(example);
    used += needed;
  }
  if (group.length > 0) yield packed(group, pictures);
}

function packed(examples: readonly Example[], pictures: PictureVectors | null): PackedPass {
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
    pictures: pictures === null ? null : joinPictures(examples, starts, pictures),
  };
}

/** The pictures of all texts of a pass, whose sequences begin at `starts`. */
function joinPictures(
  examples: readonly Example[],
  starts: readonly number[],
  pictures: PictureVectors,
): BatchVectors {
  const shown = examples
    .flatMap(({ texts }) => texts)
    .flatMap(({ picture }, i) =>
      picture === undefined ? [] : [{ ...picture, start: starts[i]! }],
    );
  const parts = shown.map(({ index }) => pictures.vectorsOf(index));
  const each = parts[0]?.length ?? 0;
  const values = new Float32Array(parts.length * each);
  for (const [i, part] of parts.entries()) values.set(part, i * each);
  const positions = Array.from({ length: pictures.nPosition }, (_, place) => place);
  return {
    values,
    rows: Uint32Array.from(shown.flatMap(({ start, at }) => positions.map((i) => start + at + i))),
    places: Uint32Array.from(shown.flatMap(() => positions)),
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
