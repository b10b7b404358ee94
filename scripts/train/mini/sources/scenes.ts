/** Scenes of coloured shapes with a caption and questions, made while they are learned from. */
import {
  fitToGrid,
  patchCount,
  patchPlaces,
  patchVectors,
  type PatchGrid,
} from '../../../../engine/vision/patches.ts';
import type { Picture } from '../../../../engine/vision/picture.ts';
import { UnboundBaseline } from '../../../data/mini/baseline.ts';
import {
  answerOf,
  captionOf,
  columnOf,
  drawScene,
  questionsOf,
  sceneOf,
  type Question,
  type Scene,
  type SceneRules,
} from '../../../data/mini/scenes.ts';
import type { SeededRandom } from '../../../lib/seeded-random.ts';
import { type Example, ExampleWriter, type Segment } from '../example.ts';
import { shuffled } from '../../../lib/shuffled.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { Source } from './source.ts';

export interface SceneOptions {
  readonly seed: number;
  readonly sides: readonly number[];
  readonly maxObjects: number;
  /** Scenes have at most so many objects before a step. */
  readonly curriculum: readonly { readonly untilStep: number; readonly maxObjects: number }[];
  /** Part of the scenes that is described; the others are asked about. */
  readonly described: number;
  /** Rounds of questions about a scene. */
  readonly rounds: number;
  /** Parts of the scenes asked about whose questions are about places, or counts, alone: they are learned last. */
  readonly placed: number;
  readonly counted: number;
  readonly weights: {
    readonly caption: number;
    readonly question: number;
    readonly patches: number;
  };
}

export const CAPTION_QUESTION = 'describe the picture.';
/** What is asked alone: of each type at most once in a round of questions. */
const ALONE = {
  placed: { types: ['column', 'left or right'], rounds: 2 },
  counted: { types: ['count'], rounds: 3 },
} as const satisfies Readonly<
  Record<string, { readonly types: readonly Question['type'][]; readonly rounds: number }>
>;
/** Numbers of scenes that are learned from; those above are for measuring. */
const N_TRAIN = 2 ** 30;
/** Scenes whose questions say what is right by words alone. */
const N_BASELINE = 3000;
/** The first pair of a colour and a shape goes by a scene's number, too: sizes must not go with it. */
const N_PAIR = 24;
/** Pixels of a patch that have to belong to a shape. */
const MIN_PIXELS = 8;

export function sceneSource(
  vocabulary: Vocabulary,
  grid: PatchGrid,
  nContext: number,
  options: SceneOptions,
): Source {
  const { seed, sides, weights } = options;
  const rules = (side: number, maxObjects: number): SceneRules => ({
    ...{ side, maxObjects, holdsPairs: false },
  });
  const sceneAt = (number: number, maxObjects: number): Scene =>
    sceneOf(seed, number, rules(sides[Math.floor(number / N_PAIR) % sides.length]!, maxObjects));
  const labelOf = wordLabels(vocabulary);

  const write = (
    scene: Scene,
    turns: readonly (Question | 'caption')[],
    labels?: Int32Array,
  ): Example => {
    const writer = new ExampleWriter(vocabulary);
    const segment: Segment = { ...imageSegment(pictureOf(scene), grid), ...(labels && { labels }) };
    for (const [i, turn] of turns.entries()) {
      const asked = turn === 'caption' ? captionTurn(scene) : turn;
      writer.question(asked.question, i === 0 ? segment : null, weights.patches);
      const { question, reasoning } = asked;
      const answer = { kind: asked.type, question, answer: `${reasoning}${asked.answer}` };
      writer.answer(answer, turn === 'caption' ? weights.caption : weights.question);
    }
    return writer.end(nContext);
  };
  const roundsOf = (scene: Scene, number: number, n: number): Question[] =>
    // A question that comes again would be answered by looking at the answer before.
    uniqueQuestions(
      Array.from({ length: n }, (_, round) => questionsOf(scene, seed + round, number)).flat(),
    );
  const askedOf = (scene: Scene, number: number, alone: keyof typeof ALONE | null): Question[] => {
    const { types, rounds } = alone === null ? { types: [], rounds: 0 } : ALONE[alone];
    const kept: readonly Question['type'][] = types;
    const found = roundsOf(scene, number, rounds * options.rounds).filter(({ type }) =>
      kept.includes(type),
    );
    // Objects that are all alike have no names.
    return found.length > 0 ? found : roundsOf(scene, number, options.rounds);
  };
  /** @param at from 0 to 1 */
  const aloneAt = (at: number): keyof typeof ALONE | null => {
    if (at < options.placed) return 'placed';
    return at < options.placed + options.counted ? 'counted' : null;
  };

  return {
    name: 'scenes',
    about: { what: 'scenes of coloured shapes, made by the kit', licence: 'Apache-2.0' },
    unbound: sceneBaseline(options, sceneAt),
    answerOf,
    example(random, step) {
      const limit = options.curriculum.find(({ untilStep }) => step < untilStep)?.maxObjects;
      const maxObjects = limit ?? options.maxObjects;
      const number = random.integer(0, N_TRAIN - 1);
      const scene = sceneAt(number, maxObjects);
      // A caption gives the questions' answers away: with both, the picture would hardly be looked at.
      const turns = random.chance(options.described)
        ? ['caption' as const]
        : shuffled(random, askedOf(scene, number, aloneAt(random.next())));
      return write(scene, turns, patchLabels(scene, grid, labelOf, random));
    },
    heldOut: (n) =>
      Array.from({ length: n }, (_, i) => {
        const number = N_TRAIN + i;
        const scene = sceneAt(number, options.maxObjects);
        // Each alone: an answer before it could give it away.
        const turns = ['caption' as const, ...roundsOf(scene, number, 1)];
        return write(scene, [turns[i % turns.length]!]);
      }),
  };
}

const captionTurn = (scene: Scene) => ({
  ...{ type: 'caption', question: CAPTION_QUESTION, reasoning: '', answer: captionOf(scene) },
});

const uniqueQuestions = (questions: readonly Question[]): Question[] => [
  ...new Map(questions.map((one) => [one.question, one])).values(),
];

function pictureOf(scene: Scene): Picture {
  return { width: scene.side, height: scene.side, rgb: drawScene(scene) };
}

/** A picture of any size as a segment. */
export function imageSegment(picture: Picture, grid: PatchGrid): Segment {
  const values = patchVectors(fitToGrid(picture, grid), grid);
  return { sense: 'image', values, n: patchCount(grid), picture };
}

/** The first token of a word as it stands in a caption. */
function wordLabels(vocabulary: Vocabulary): (word: string | number) => number {
  return (word) => vocabulary.encode(` ${word}`)[0]!;
}

/**
 * For each patch that shows a shape, its colour, its name or its column, by chance; -1 for the others. Columns are not looked
 * up before patches tell them: that was tried.
 */
function patchLabels(
  scene: Scene,
  grid: PatchGrid,
  labelOf: (word: string | number) => number,
  random: SeededRandom,
): Int32Array {
  const { size, patch } = grid;
  const scale = scene.side / size;
  const labels = new Int32Array(patchCount(grid)).fill(-1);
  const places = patchPlaces(grid);
  for (const object of scene.objects) {
    const { colour, shape, x, y, radius } = object;
    const seen = [colour, shape, columnOf(scene, object)].map(labelOf);
    // The part of the shape's square that lies in a patch.
    const overlap = (middle: number, at: number): number =>
      Math.min((middle + radius) / scale, (at + 1) * patch) -
      Math.max((middle - radius) / scale, at * patch);
    for (const [i, { row, col }] of places.entries()) {
      const [wide, high] = [overlap(x, col), overlap(y, row)];
      if (wide <= 0 || high <= 0 || wide * high < MIN_PIXELS) continue;
      labels[i] = seen[random.integer(0, seen.length - 1)]!;
    }
  }
  return labels;
}

/** By the words of a question, from scenes that are learned from to those that are not. */
function sceneBaseline(
  { seed, maxObjects }: SceneOptions,
  sceneAt: (number: number, maxObjects: number) => Scene,
): Map<string, number> {
  const baseline = new UnboundBaseline();
  const questionsAt = (number: number): Question[] =>
    questionsOf(sceneAt(number, maxObjects), seed, number);
  for (let i = 0; i < N_BASELINE; i++) for (const one of questionsAt(i)) baseline.learn(one);
  const asked = Array.from({ length: N_BASELINE / 3 }, (_, i) => questionsAt(N_TRAIN + i)).flat();
  const kinds = new Set(asked.map(({ type }) => type));
  return new Map([
    ['caption', 0],
    ...[...kinds].map((kind) => {
      const { nByType, nByWords, nQuestion } = baseline.score(
        asked.filter(({ type }) => type === kind),
      );
      return [kind, Math.max(nByType, nByWords) / nQuestion] as const;
    }),
  ]);
}
