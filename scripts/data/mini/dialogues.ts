/** Dialogues from templates: greetings, arithmetic, what a scene shows, and questions that have no answer. */
import { SeededRandom } from '../../lib/seeded-random.ts';
import { captionOf, questionsOf, sceneOf } from './scenes.ts';

export interface Message {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

type Turn = readonly [user: string, assistant: string];

const NAMES = 'Ada Ben Cleo Dan Eve Finn Gus Hana'.split(' ');
const HELLOS: readonly Turn[] = [
  ['Hello!', 'Hello! What can I do for you?'],
  ['Good morning.', 'Good morning! How can I help?'],
  ['Hi there.', 'Hi! What would you like to know?'],
];
const ENDS: readonly Turn[] = [
  ['Thank you.', 'You are welcome!'],
  ['Bye.', 'Goodbye!'],
];
const UNKNOWN = 'I do not know that.';

/** The dialogue of a number, 2 to 5 turns. */
export function dialogueOf(seed: number, number: number): Message[] {
  const random = new SeededRandom(
    Math.imul(seed + 7, 0x9e3779b1) ^ Math.imul(number + 1, 0xc2b2ae35),
  );
  random.next();
  const turns: Turn[] = [pick(random, HELLOS)];
  const nMiddle = random.integer(1, 3);
  for (let i = 0; i < nMiddle; i++) turns.push(pick(random, MIDDLES)(random, seed));
  if (random.chance(0.5)) turns.push(pick(random, ENDS));
  return turns.flatMap(([user, assistant]): Message[] => [
    { role: 'user', content: user },
    { role: 'assistant', content: assistant },
  ]);
}

function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return items[random.integer(0, items.length - 1)]!;
}

const MIDDLES: readonly ((random: SeededRandom, seed: number) => Turn)[] = [
  (random) => {
    const [a, b] = [random.integer(0, 20), random.integer(0, 20)];
    return [`What is ${a} plus ${b}?`, `${a} plus ${b} is ${a + b}.`];
  },
  (random) => {
    const name = pick(random, NAMES);
    return [`My name is ${name}.`, `Nice to meet you, ${name}.`];
  },
  (random) => [`What did ${pick(random, NAMES)} eat yesterday?`, UNKNOWN],
  (random, seed) => {
    // Scenes of training alone: a dialogue must not give away what is held out.
    for (;;) {
      const number = random.integer(0, 99_999);
      const scene = sceneOf(seed, number);
      if (scene.split !== 'train') continue;
      const asked = pick(random, questionsOf(scene, seed, number));
      return [
        `A picture shows ${captionOf(scene)}. ${capital(asked.question)}`,
        `${asked.reasoning}${asked.answer}`,
      ];
    }
  },
];

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
