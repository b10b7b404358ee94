/** Made-up texts with schemas: what is measured shares no family with what is learned, and how answers are scored. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@cfworker/json-schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileJsonSchema } from '../../../engine/grammar/index.ts';
import { readExtraction, writeExtraction } from '../../../scripts/finetune/extraction/data.ts';
import { HELD_OUT_FAMILIES } from '../../../scripts/finetune/extraction/held-out-families.ts';
import {
  EXTRACTION_DEFAULTS,
  LEARNED_FAMILIES,
  makeExtraction,
} from '../../../scripts/finetune/extraction/make.ts';
import { firstObject, scoreExtraction } from '../../../scripts/finetune/extraction/score.ts';
import { parseRows } from '../../../scripts/finetune/rows.ts';

const OPTIONS = { nTrain: 300, nTest: 100, nChoice: 20, seed: 3 };
const data = makeExtraction(OPTIONS);
const held = [...data.test, ...data.choice];

describe('families', () => {
  test('are many, with names of fields that differ, and every value has words', () => {
    expect(LEARNED_FAMILIES.length + HELD_OUT_FAMILIES.length).toBeGreaterThanOrEqual(16);
    expect(HELD_OUT_FAMILIES.length).toBeGreaterThanOrEqual(4);
    for (const { name, fields } of [...LEARNED_FAMILIES, ...HELD_OUT_FAMILIES]) {
      const names = fields.flatMap((field) => field.names);
      expect(new Set(names).size, name).toBe(names.length);
      for (const { kind, says, saysNo, names: own } of fields) {
        const isYesNo = kind.type === 'boolean';
        expect(saysNo.length > 0, own[0]).toBe(isYesNo);
        expect(says.every((sentence) => sentence.includes('{}') !== isYesNo)).toBe(true);
      }
    }
  });

  test('that are measured on are none that are learned from', () => {
    const learned = new Set(data.train.map(({ family }) => family));
    expect(learned.size).toBe(LEARNED_FAMILIES.length);
    expect(held.filter(({ family }) => learned.has(family))).toEqual([]);
    expect(new Set(held.map(({ family }) => family)).size).toBe(HELD_OUT_FAMILIES.length);
    const texts = new Set(data.train.map(({ text }) => text));
    expect(held.filter(({ text }) => texts.has(text))).toEqual([]);
  });
});

describe('texts', () => {
  const all = [...data.train, ...held];

  test('are the same for a seed, and others for another', () => {
    expect(makeExtraction(OPTIONS)).toEqual(data);
    expect(makeExtraction({ ...OPTIONS, seed: 4 }).test).not.toEqual(data.test);
    expect(EXTRACTION_DEFAULTS.nTest).toBeGreaterThanOrEqual(300);
  });

  test('have schemas that their objects satisfy, and that the grammar takes', () => {
    for (const { schema, expected } of all) {
      const whole = { ...schema, required: Object.keys(schema.properties) };
      expect(Object.keys(expected)).toEqual(whole.required);
      const { valid, errors } = new Validator({ ...whole, additionalProperties: false }).validate(
        expected,
      );
      expect([valid, errors]).toEqual([true, []]);
    }
    for (const { schema } of all.slice(0, 40))
      expect(() => compileJsonSchema(schema, { isClosed: true })).not.toThrow();
  });

  test('say what is expected of them, leave some of it out, and tell other things, too', () => {
    const values = all.flatMap(({ expected, text }) =>
      Object.values(expected).map((value) => ({ value, text })),
    );
    const missing = values.filter(({ value }) => value === null).length / values.length;
    expect(missing).toBeGreaterThan(0.1);
    expect(missing).toBeLessThan(0.3);
    for (const { value, text } of values) {
      if (typeof value !== 'string' || /^\d\d(\d\d-\d\d-\d\d|:\d\d)$/.test(value)) continue;
      expect(text).toContain(value);
    }
    expect(
      new Set(values.map(({ value }) => (Array.isArray(value) ? 'list' : typeof value))),
    ).toEqual(new Set(['string', 'number', 'boolean', 'list', 'object']));
  });

  test('spell dates and numbers in several ways', () => {
    const texts = all.map(({ text }) => text).join('\n');
    for (const spelling of [
      ...[
        /\d (January|June) \d{4}/,
        /(May|July) \d+, \d{4}/,
        /\d(st|nd|rd|th) of /,
        /20\d\d-\d\d-\d\d/,
      ],
      ...[/€\d/, /\d,\d{3}/, /\d euros/, /\bthree\b/, /\d\.\d\d [ap]m/, /\d\d:\d\d/],
    ])
      expect(texts).toMatch(spelling);
  });
});

describe('scores', () => {
  const expected = [
    { name: 'Ada', amount: 3, tags: ['a', 'b'], paid: null },
    { name: null, amount: 49.9, tags: ['c'], paid: false },
  ];

  test('count fields by what is expected and what is said', () => {
    const answers = [
      'Here: ```json\n{"name": " Ada ", "amount": 4, "tags": ["a", "b"], "paid": null}\n```',
      '{"name":null,"amount":49.90,"tags":["c"],"paid":false}',
    ];
    const { fieldF1, objects, parsed } = scoreExtraction(answers, expected);
    // Five of six expected ones, and of six said ones.
    expect(fieldF1.value).toBeCloseTo(5 / 6, 12);
    expect([objects.value, parsed.value]).toEqual([0.5, 1]);
    expect(fieldF1.low).toBeLessThan(fieldF1.value);
    expect(fieldF1.high).toBe(1);
  });

  test('what is made up, of another type, in another order or not JSON is not right', () => {
    const whole = expected[1]!;
    const of = (answer: string) => scoreExtraction([answer], [whole]);
    expect(of('{"name":"Bo","amount":"49.9","tags":["c"],"paid":false}').fieldF1.value).toBeCloseTo(
      4 / 7,
      12,
    );
    expect(of('{"amount":49.9,"tags":["c"],"paid":false,"more":1}').objects.value).toBe(0);
    expect(of('{"amount":49.9,"tags":["c"],"paid":false}').objects.value).toBe(1);
    const none = of('I cannot.');
    expect([none.fieldF1.value, none.objects.value, none.parsed.value]).toEqual([0, 0, 0]);
  });

  test('the first object of an answer is found', () => {
    expect(firstObject('a {"b": {"c": "}"}} {"d": 1}')).toEqual({ b: { c: '}' } });
    expect(firstObject('{"b": 1')).toBeNull();
    expect(firstObject('[1]')).toBeNull();
  });
});

describe('the folder', () => {
  let folder = '';
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'thimble-extraction-'))));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('holds rows that finetune reads, and is read as it was written', async () => {
    await writeExtraction(folder, data);
    const read = await readExtraction(folder);
    expect(read).toEqual({
      ...{ test: data.test, choice: data.choice, examples: data.train.slice(0, 16) },
    });
    const rows = parseRows(await readFile(join(folder, 'train.jsonl'), 'utf8'), 'train.jsonl');
    expect(rows).toHaveLength(OPTIONS.nTrain);
    const { schema, text, expected } = data.train[7]!;
    expect(rows[7]!.row).toEqual({
      form: 'messages',
      messages: [
        { role: 'system', content: JSON.stringify(schema) },
        { role: 'user', content: text },
        { role: 'assistant', content: JSON.stringify(expected) },
      ],
    });
  });

  test('is refused by the line of what is wrong in it', async () => {
    await writeFile(
      join(folder, 'test.jsonl'),
      `${JSON.stringify(data.test[0])}\n{"family": "a"}\n`,
    );
    await expect(readExtraction(folder)).rejects.toThrow(/test\.jsonl: line 2: /);
  });
});
