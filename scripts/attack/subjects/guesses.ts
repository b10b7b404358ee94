/** Ways to come from an id that is known to the id, or the place, of something that is somebody else's. */
import { newObjectId } from '../../../worker/platform/storage/object-id.ts';
import type { SeededRandom } from '../../lib/seeded-random.ts';

export interface Guess {
  readonly name: string;
  /** @param subject whose the id is */
  make(id: string, subject: string, random: SeededRandom): string;
}

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz_-';
/** Ids that hold their time are guessed within it. */
const NEAR_MS = 10_000;

export const GUESSES: readonly Guess[] = [
  { name: 'the id itself', make: (id) => id },
  { name: 'one letter changed', make: (id, _, random) => changed(id, random) },
  { name: 'an id made at nearly the same time', make: (id, _, random) => near(id, random) },
  { name: 'random letters', make: (id, _, random) => randomId(id, random) },
  { name: 'the path of the subject', make: (id, subject) => `${subject}/${id}` },
  { name: 'a path out of the own subject', make: (id, subject) => `../${subject}/${id}` },
  { name: 'an encoded path', make: (id, subject) => `%2e%2e%2f${subject}%2f${id}` },
  { name: 'the name of an object', make: (id, subject) => JSON.stringify([subject, id]) },
  { name: 'another separator', make: (id, subject) => `${subject}:${id}` },
  { name: 'capitals', make: (id) => id.toUpperCase() },
  { name: 'a character without width', make: (id) => `${id}\u200b` },
  { name: 'letters of full width', make: (id) => id.replaceAll('-', '\uff0d') },
  { name: 'a NUL', make: (id) => `${id}\0` },
  { name: 'a pattern', make: (id, _, random) => `${id.slice(0, random.integer(0, 6))}%` },
  { name: 'SQL', make: (id) => `' OR id='${id}` },
];

function changed(id: string, random: SeededRandom): string {
  const at = random.integer(0, id.length - 1);
  const letter = LETTERS[random.integer(0, LETTERS.length - 1)]!;
  return id.slice(0, at) + letter + id.slice(at + 1);
}

function near(id: string, random: SeededRandom): string {
  const [prefix] = /^[a-z]+[-_]/.exec(id) ?? [''];
  return newObjectId(prefix, Date.now() - random.next() * NEAR_MS);
}

function randomId(id: string, random: SeededRandom): string {
  const [prefix] = /^[a-z]+[-_]/.exec(id) ?? [''];
  const rest = Array.from(
    { length: id.length - prefix.length },
    () => LETTERS[random.integer(0, LETTERS.length - 1)],
  );
  return prefix + rest.join('');
}
