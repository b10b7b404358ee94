/** Conversations of the made-up shop: what is measured was not learned, and how answers are judged. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPersona, writePersona } from '../../../scripts/finetune/persona/data.ts';
import { GROUPS, makePersona } from '../../../scripts/finetune/persona/make.ts';
import { BASE_PROMPTS } from '../../../scripts/finetune/persona/prompts.ts';
import {
  HELD_OUT_KINDS,
  LEARNED_KINDS,
  REFUSALS,
} from '../../../scripts/finetune/persona/refused.ts';
import { hasFacts, isRefusal, scorePersona } from '../../../scripts/finetune/persona/score.ts';
import { FACTS, TALK } from '../../../scripts/finetune/persona/shop.ts';
import { parseRows } from '../../../scripts/finetune/rows.ts';

const OPTIONS = { nTrain: 600, nOfKind: 6, seed: 2 };
const data = makePersona(OPTIONS);
const of = (group: (typeof GROUPS)[number]) => data.test.filter((item) => item.group === group);

describe('what is asked', () => {
  test('was learned in no wording, whatever stands around it', () => {
    const learned = data.train.flatMap((all) =>
      all.filter(({ role }) => role === 'user').map(({ content }) => content.toLowerCase()),
    );
    for (const { question } of data.test)
      expect(
        learned.filter((one) => one.includes(question.toLowerCase())),
        question,
      ).toEqual([]);
  });

  test('is of every fact, of every kind, and of kinds that were not learned', () => {
    expect(new Set(of(GROUPS[0]).map(({ name }) => name)).size).toBe(FACTS.length);
    expect(of(GROUPS[2])).toHaveLength(LEARNED_KINDS.length * OPTIONS.nOfKind);
    expect(of(GROUPS[3])).toHaveLength(HELD_OUT_KINDS.length * OPTIONS.nOfKind);
    const names = [...LEARNED_KINDS, ...HELD_OUT_KINDS].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(data.choice.filter(({ has }) => has === null)).toHaveLength(FACTS.length);
  });

  test('is the same for a seed, and another for another', () => {
    expect(makePersona(OPTIONS)).toEqual(data);
    expect(makePersona({ ...OPTIONS, seed: 1 }).train).not.toEqual(data.train);
  });
});

describe('answers', () => {
  test('that are learned are right, and so is what a system prompt states', () => {
    for (const { name, has, answers } of [...FACTS, ...TALK])
      for (const answer of answers) expect(hasFacts(answer, has), `${name}: ${answer}`).toBe(true);
    for (const { name, has, stated } of FACTS) expect(hasFacts(stated, has), name).toBe(true);
    const { content } = BASE_PROMPTS[0]!.ask('Hello!')[0]!;
    for (const { stated } of FACTS) expect(content).toContain(stated);
  });

  test('of one fact do not answer for another with other figures', () => {
    const [hours, saturday] = FACTS;
    expect(hasFacts(saturday!.answers[0]!, hours!.has)).toBe(false);
    expect(hasFacts(hours!.answers[0]!, saturday!.has)).toBe(false);
  });

  test.each<readonly [string, boolean]>([
    ...REFUSALS.map((text): [string, boolean] => [text.replace('{}', ''), true]),
    ["I’m sorry, but I can't provide legal advice.", true],
    ['As an AI language model I have no opinion.', true],
    ['I am not able to share data of customers.', true],
    ['We do not deliver to France, I am afraid.', false],
    ['We are closed on Sundays, sorry.', false],
    ['You cannot return used goods.', false],
    ['Take two tablets.', false],
  ])('refuse or not: %s', (answer, expected) => {
    expect(isRefusal(answer)).toBe(expected);
  });

  test('are scored by group', () => {
    const always = (answer: string) =>
      scorePersona(
        data.test.map(() => answer),
        data.test,
      );
    const refusing = always("I can't help with that.");
    expect(refusing).toMatchObject({
      ...{ facts: { value: 0 }, wrongRefusals: { value: 1 } },
      ...{ refusedLearned: { value: 1 }, refusedNew: { value: 1 } },
    });
    const right = scorePersona(
      data.test.map(({ name, has }) =>
        has === null
          ? REFUSALS[0]!
          : [...FACTS, ...TALK].find((one) => one.name === name)!.answers[0]!,
      ),
      data.test,
    );
    expect([right.facts.value, right.wrongRefusals.value]).toEqual([1, 0]);
    expect(always('Yes.').refusedNew.value).toBe(0);
  });
});

describe('the folder', () => {
  let folder = '';
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'thimble-persona-'))));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('holds rows that finetune reads, and is read as it was written', async () => {
    await writePersona(folder, data);
    expect(await readPersona(folder)).toEqual({ test: data.test, choice: data.choice });
    const rows = parseRows(await readFile(join(folder, 'train.jsonl'), 'utf8'), 'train.jsonl');
    expect(rows).toHaveLength(OPTIONS.nTrain);
    expect(rows[3]!.row).toEqual({ form: 'messages', messages: data.train[3] });
  });

  test('is refused by the line of what is wrong in it', async () => {
    await writeFile(join(folder, 'choice.jsonl'), '{"group": "x"}\n');
    await expect(readPersona(folder)).rejects.toThrow(/choice\.jsonl: line 1: group: /);
  });
});
