/** Examples in passes: as many whole sequences together as are in memory at a time. */
import type { BatchVectors } from '../train/training.ts';
import type { Pass, Shares } from './adapter-training.ts';
import type { EncodedText, Example, PicturePlace } from './encode.ts';

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
export const rowsOf = ({ texts, nShared = 0 }: Example): number =>
  texts.reduce((sum, text) => sum + rowsOfText(text) - nShared, nShared);

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
  const rows: Rows = {
    ...{ tokens: [], active: [], starts: [], trunks: [] },
    ...{ picks: [], targets: [], weights: [] },
  };
  const shown: ShownPicture[] = [];
  const said = examples.flatMap(({ texts }) => texts.map(({ shares }) => shares));
  const entries = examples.map((example) => {
    const { texts, nShared = 0 } = example;
    const show = ({ picture }: EncodedText): void => {
      if (picture !== undefined) shown.push({ ...picture, start: rows.tokens.length });
    };
    const trunk = nShared === 0 ? null : rows.starts.length;
    if (trunk !== null) {
      show(texts[0]!);
      addSequence(rows, texts[0]!, [0, nShared], trunk);
    }
    const spans = texts.map((text) => {
      const firstPick = rows.picks.length;
      if (trunk === null) show(text);
      addSequence(rows, text, [nShared, rowsOfText(text)], trunk ?? rows.starts.length);
      return [firstPick, rows.picks.length] as const;
    });
    return { example, spans };
  });
  const { picks } = rows;
  return {
    ...{ tokens: Uint32Array.from(rows.tokens), active: Float32Array.from(rows.active), entries },
    starts: Uint32Array.from([...rows.starts, rows.tokens.length]),
    trunks: Uint32Array.from(rows.trunks),
    ...{ picks: Uint32Array.from(picks), targets: Uint32Array.from(rows.targets) },
    ...{ weights: Float32Array.from(rows.weights), shares: joinShares(said) },
    pictures: pictures === null ? null : joinPictures(shown, pictures),
  };
}

/** Of a pass, as it grows. */
interface Rows {
  readonly tokens: number[];
  readonly active: number[];
  readonly starts: number[];
  readonly trunks: number[];
  readonly picks: number[];
  readonly targets: number[];
  readonly weights: number[];
}

/** Tokens [from, to) of a text as a sequence that goes on from the sequence `trunk`, which may be itself. */
function addSequence(
  { tokens, active, starts, trunks, picks, targets, weights }: Rows,
  text: EncodedText,
  [from, to]: readonly [number, number],
  trunk: number,
): void {
  starts.push(tokens.length);
  trunks.push(trunk);
  for (let i = from; i < to; i++) {
    if (text.learned[i + 1] === 1) {
      picks.push(tokens.length);
      targets.push(text.tokens[i + 1]!);
      weights.push(text.weight ?? 1);
    }
    tokens.push(text.tokens[i]!);
    active.push(i >= text.activeFrom ? 1 : 0);
  }
}

/** A picture of a set, its first row in a text, and the first row of that text. */
interface ShownPicture extends PicturePlace {
  readonly start: number;
}

/** The pictures of a pass: one that several texts share stands there once. */
function joinPictures(shown: readonly ShownPicture[], pictures: PictureVectors): BatchVectors {
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
