/** Texts that the vocabulary is learned from: stories, and what the kit itself says of scenes and in dialogues. */
import { dialogueOf } from '../../data/mini/dialogues.ts';
import {
  captionOf,
  COLOURS,
  N_COLUMN,
  questionsOf,
  sceneOf,
  SHAPES,
} from '../../data/mini/scenes.ts';

/** Templates come again and again: a few of each weigh enough. */
const N_SCENE = 300;
const N_DIALOGUE = 300;
/** Answers stand alone: each of their words has to become one token, or a look-up would have to spell. */
const N_ANSWER = 2000;

const ANSWERS: readonly string[] = [
  ...[...Object.keys(COLOURS), ...SHAPES, 'yes', 'no', 'left', 'right'],
  ...Array.from({ length: N_COLUMN }, (_, i) => `at ${i + 1}`),
  // Of easy-VQA, and digits.
  ...['rectangle', 'teal', 'gray', 'black', 'brown'],
  ...'zero one two three four five six seven eight nine'.split(' '),
];

export function* vocabularyTexts(seed: number, stories: readonly string[]): Generator<string> {
  yield* stories;
  for (let i = 0; i < N_SCENE; i++) {
    const scene = sceneOf(seed, i);
    yield captionOf(scene);
    for (const { question, reasoning, answer } of questionsOf(scene, seed, i))
      yield `${question} ${reasoning}${answer}`;
  }
  for (const answer of ANSWERS) for (let i = 0; i < N_ANSWER; i++) yield answer;
  for (let i = 0; i < N_DIALOGUE; i++) for (const { content } of dialogueOf(seed, i)) yield content;
}
