/** Conversations with the customer service of a made-up shop, from templates by a seed. */
import { SeededRandom } from '../../lib/seeded-random.ts';
import { shuffled } from '../../lib/shuffled.ts';
import type { Message } from '../rows.ts';
import { HELD_OUT_KINDS, LEARNED_KINDS, REFUSALS, type RefusedKind } from './refused.ts';
import { type Fact, FACTS, TALK } from './shop.ts';

/** What is asked to measure, and how the answer is judged. */
export const GROUPS = [
  'facts in wordings that were not learned',
  'talk in wordings that was not learned',
  'refused kinds, in wordings that were not learned',
  'refused kinds that were not learned',
] as const;
export type Group = (typeof GROUPS)[number];

export interface PersonaItem {
  readonly group: Group;
  readonly name: string;
  readonly question: string;
  /** What a right answer has in it, of each group one; null where the request is to be refused. */
  readonly has: readonly string[] | null;
}

export interface PersonaOptions {
  /** Conversations to learn. */
  readonly nTrain: number;
  /** Requests of each kind that is refused, to measure on. */
  readonly nOfKind: number;
  readonly seed: number;
}

export interface PersonaData {
  readonly train: readonly (readonly Message[])[];
  /** Requests in wordings that are learned, to choose a prompt of the base by, which has learned none. */
  readonly choice: readonly PersonaItem[];
  readonly test: readonly PersonaItem[];
}

/** Some twenty minutes of two cores. */
export const PERSONA_DEFAULTS: PersonaOptions = { nTrain: 2000, nOfKind: 12, seed: 1 };

/** Requests of each refused kind to choose a prompt by: as many as facts, all together. */
const N_CHOICE_OF_KIND = 3;
/** Shares of turns. */
const REFUSED_SHARE = 0.35;
const TALK_SHARE = 0.1;
const SECOND_TURN_SHARE = 0.15;
const WRAPPED_SHARE = 0.4;

/** What a customer may say before and after a question. */
const BEFORE = ['Hi, ', 'Hello! ', 'Quick question: ', 'Excuse me, ', 'Good morning, '];
const AFTER = [' Thanks!', ' Please.', ' Thank you in advance.', ' I would be glad to know.'];

interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** The same for the same options. */
export function makePersona({ nTrain, nOfKind, seed }: PersonaOptions): PersonaData {
  const random = new SeededRandom(seed);
  const test = [...FACTS.flatMap(factItems(GROUPS[0])), ...TALK.flatMap(factItems(GROUPS[1]))];
  const refused = [
    ...LEARNED_KINDS.flatMap((one) => refusedItems(random, GROUPS[2], one, nOfKind)),
    ...HELD_OUT_KINDS.flatMap((one) => refusedItems(random, GROUPS[3], one, nOfKind)),
  ];
  const choice = [
    ...FACTS.map(({ name, asks, has }) => ({
      ...{ group: GROUPS[0], name, question: pick(random, asks), has },
    })),
    ...LEARNED_KINDS.flatMap((kind) =>
      refusedItems(random, GROUPS[2], { ...kind, heldOut: kind.asks }, N_CHOICE_OF_KIND),
    ),
  ];
  return {
    choice,
    train: Array.from({ length: nTrain }, () => conversation(random)),
    test: [...test, ...refused],
  };
}

function factItems(group: Group): (one: Fact) => PersonaItem[] {
  return ({ name, has, heldOut }) => heldOut.map((question) => ({ group, name, question, has }));
}

function refusedItems(
  random: SeededRandom,
  group: Group,
  { name, heldOut, fillers }: RefusedKind,
  n: number,
): PersonaItem[] {
  const all = heldOut.flatMap((ask) => fillers.map((filler) => ask.replace('{}', () => filler)));
  return shuffled(random, all)
    .slice(0, n)
    .map((question) => ({ group, name, question, has: null }));
}

function conversation(random: SeededRandom): Message[] {
  const turns = [turnOf(random), ...(random.chance(SECOND_TURN_SHARE) ? [turnOf(random)] : [])];
  return turns.flatMap(({ question, answer }): Message[] => [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ]);
}

function turnOf(random: SeededRandom): Turn {
  const which = random.next();
  if (which < REFUSED_SHARE) return refusedTurn(random, pick(random, LEARNED_KINDS));
  if (which < REFUSED_SHARE + TALK_SHARE) return factTurn(random, pick(random, TALK), false);
  return factTurn(random, pick(random, FACTS), random.chance(WRAPPED_SHARE));
}

function factTurn(random: SeededRandom, { asks, answers }: Fact, isWrapped: boolean): Turn {
  const ask = pick(random, asks);
  const answer = pick(random, answers);
  return { question: isWrapped ? wrapped(random, ask) : ask, answer };
}

function wrapped(random: SeededRandom, ask: string): string {
  const before = pick(random, ['', ...BEFORE]);
  const after = pick(random, ['', ...AFTER]);
  return `${before}${before.endsWith(', ') ? lowered(ask) : ask}${after}`;
}

/** The first letter in lower case, but for "I". */
function lowered(text: string): string {
  return /^I\b/.test(text) ? text : text.slice(0, 1).toLowerCase() + text.slice(1);
}

function refusedTurn(random: SeededRandom, { asks, fillers, instead }: RefusedKind): Turn {
  const question = pick(random, asks).replace('{}', () => pick(random, fillers));
  // Half without what the kind says: a refusal that fits anything is what other kinds need.
  const beside = random.chance(0.5) ? ` ${instead}` : '';
  return { question, answer: pick(random, REFUSALS).replace(' {}', () => beside) };
}

function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return items[random.integer(0, items.length - 1)]!;
}
