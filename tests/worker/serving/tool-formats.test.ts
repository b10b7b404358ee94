/** Every format: what its grammar lets through is read back, call for call, wherever it is cut. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  compileJsonSchema,
  GrammarProgram,
  hasBit,
  textWithout,
  Vocabulary,
} from '../../../engine/grammar/index.ts';
import { seededRandom } from '../../support/random.ts';
import { ToolSplitter } from '../../../worker/serving/output/tool-deltas.ts';
import {
  besideJson,
  type CallSyntax,
  TOOL_FORMATS,
  type ToolFormat,
} from '../../../worker/serving/output/tool-formats.ts';
import {
  MAX_CALLS,
  toolGrammar,
  toolUse,
  type ToolUse,
} from '../../../worker/serving/output/tools.ts';

const END = 256;
const BYTES = new Vocabulary({
  nVocab: 257,
  bytesOf: (token) => (token === END ? null : Uint8Array.of(token)),
  endTokens: [END],
});
const MAX_BYTES = 3000;
const N_WALK = 30;

const ARGUMENTS: Readonly<Record<string, z.ZodType>> = {
  get_weather: z.strictObject({ city: z.enum(['Paris', 'Rome']), days: z.int().min(1).max(5) }),
  'note-2': z.strictObject({
    text: z.string().max(12),
    tags: z.array(z.string().max(4)).max(2),
    place: z.strictObject({ x: z.number().nullable() }),
  }),
  stop: z.strictObject({}),
};
const ROWS = Object.entries(ARGUMENTS).map(([name, schema]) => {
  const parameters = z.toJSONSchema(schema) as Record<string, unknown>;
  return { name, description: '', parameters };
});
const useOf = (choice: ToolUse['choice'], isParallel = true): ToolUse =>
  toolUse(ROWS, choice, isParallel, (index) => `tools[${index}]`)!;

interface Call {
  readonly name: string;
  readonly arguments: unknown;
}

/** How the families themselves read their calls: JSON, not our rows. */
const READERS: Readonly<Record<string, (text: string) => Call[]>> = {
  hermes: readTagged,
  generic: readTagged,
  mistral: (text) => JSON.parse(text.replace('[TOOL_CALLS]', '')) as Call[],
  llama: (text) => {
    const { name, parameters } = JSON.parse(text.replace('<|python_tag|>', '')) as {
      name: string;
      parameters: unknown;
    };
    return [{ name, arguments: parameters }];
  },
};

function readTagged(text: string): Call[] {
  const whole = /^<tool_call>\n.*\n<\/tool_call>(\n<tool_call>\n.*\n<\/tool_call>)*$/;
  expect(text).toMatch(whole);
  return [...text.matchAll(/<tool_call>\n(.*)\n<\/tool_call>/g)].map(
    ([, json]) => JSON.parse(json ?? '') as Call,
  );
}

/** Bytes that a grammar allows, drawn at random up to an end; `begun` comes first. */
function walk(
  grammar: ReturnType<typeof toolGrammar>,
  begun: string,
  random: () => number,
): string {
  const matcher = new GrammarProgram(grammar, BYTES).start();
  const bytes = [...new TextEncoder().encode(begun)];
  expect(matcher.acceptBytes(Uint8Array.from(bytes))).toBe(true);
  while (!matcher.isComplete) {
    const mask = matcher.mask();
    const left = MAX_BYTES - bytes.length;
    const allowed = Array.from({ length: 257 }, (_, token) => token).filter(
      (token) => hasBit(mask, token) && matcher.isAllowedWithin(token, left),
    );
    const token = allowed[Math.floor(random() * allowed.length)]!;
    if (token === END) break;
    matcher.accept(token);
    bytes.push(token);
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

/** Pushes `text` in pieces of random length and puts the events together again. */
function split(syntax: CallSyntax, text: string, random: () => number) {
  const splitter = new ToolSplitter(syntax);
  const calls: { id: string; name: string; json: string }[] = [];
  let plain = '';
  for (let at = 0; at < text.length;) {
    const end = at + 1 + Math.floor(random() * 9);
    for (const event of splitter.push(text.slice(at, end))) {
      if (event.type === 'text') plain += event.text;
      else if (event.type === 'call') {
        expect(event.index).toBe(calls.push({ ...event, json: '' }) - 1);
      } else calls[event.index]!.json += event.text;
    }
    at = end;
  }
  return { plain: plain + splitter.flush(), calls, splitter };
}

function expectCalls(
  calls: readonly { id: string; name: string; json: string }[],
  text: string,
  format: ToolFormat,
) {
  const read = calls.map(({ name, json }) => ({ name, arguments: JSON.parse(json) as unknown }));
  expect(read).toEqual(READERS[format.name]!(text));
  for (const { name, arguments: value } of read)
    expect(ARGUMENTS[name]!.safeParse(value).error?.issues ?? []).toEqual([]);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length);
}

/** Words that look like the beginning of a call, and are none. */
const LOOKALIKES = [
  '',
  'Sure. ',
  '<tool_',
  '<tool_call ',
  '[TOOL',
  '[TOOL_CALLS',
  '{"name',
  '{"name":',
  'é 🙂 <',
  '"\\"',
  '\n\n',
  '<|python_',
];

describe.each(TOOL_FORMATS.map((format): [string, ToolFormat] => [format.name, format]))(
  '%s',
  (name, format) => {
    const beginsCall = format.start + format.open;

    test('calls that must come are read back', () => {
      const random = seededRandom(11);
      const grammar = toolGrammar(useOf('required'), format, null);
      const counts = new Set<number>();
      for (let i = 0; i < N_WALK; i++) {
        const text = walk(grammar, '', random);
        const { plain, calls } = split({ format, isAtStart: true }, text, random);
        expect(plain).toBe('');
        expectCalls(calls, text, format);
        counts.add(calls.length);
        expect(calls.length).toBeLessThanOrEqual(format.maxCalls ?? MAX_CALLS);
      }
      expect(counts.has(1)).toBe(true);
      expect(counts.has(2)).toBe(format.maxCalls === null);
    });

    test('one of a named function, one where parallel calls are off', () => {
      const random = seededRandom(12);
      for (const use of [useOf({ name: 'get_weather' }), useOf('required', false)]) {
        const grammar = toolGrammar(use, format, null);
        for (let i = 0; i < 10; i++) {
          const { calls } = split({ format, isAtStart: true }, walk(grammar, '', random), random);
          expect(calls).toHaveLength(1);
          if (typeof use.choice === 'object') expect(calls[0]?.name).toBe('get_weather');
        }
      }
    });

    test('text before them stays as it is', () => {
      const random = seededRandom(13);
      const grammar = toolGrammar(useOf('auto'), format, null);
      for (let i = 0; i < N_WALK; i++) {
        const before = LOOKALIKES.map((word) => (random() < 0.4 ? word : '')).join('');
        const text = walk(grammar, before + beginsCall, random);
        const { plain, calls } = split({ format, isAtStart: false }, text, random);
        expect(plain).toBe(before);
        expectCalls(calls, text.slice(before.length), format);
      }
    });

    test('text without them stays as it is, whatever it ends with', () => {
      const random = seededRandom(14);
      const program = new GrammarProgram(toolGrammar(useOf('auto'), format, null), BYTES);
      for (const word of LOOKALIKES) {
        const text = `Once ${word}`;
        const matcher = program.start();
        expect(matcher.acceptBytes(new TextEncoder().encode(text))).toBe(true);
        expect(matcher.canEnd).toBe(true);
        const { plain, calls } = split({ format, isAtStart: false }, text, random);
        expect([plain, calls]).toEqual([text, []]);
      }
    });

    test('beside JSON, an answer that only looks like a call is text', () => {
      const random = seededRandom(15);
      const tagged = besideJson(format);
      const string = { type: 'string' };
      const schema = { type: 'object', properties: { name: string, parameters: string } };
      const json = compileJsonSchema({ ...schema, required: ['name'] });
      const grammar = toolGrammar(useOf('auto'), tagged, json);
      const syntax = { format: tagged, isAtStart: true };
      for (const value of [format.trigger, 'get_weather", "parameters": ', '']) {
        const text = `{"name": ${JSON.stringify(value)}, "parameters": "x"}`;
        const matcher = new GrammarProgram(grammar, BYTES).start();
        expect(matcher.acceptBytes(new TextEncoder().encode(text))).toBe(true);
        expect(split(syntax, text, random)).toMatchObject({ plain: text, calls: [] });
      }
      for (let i = 0; i < 10; i++) {
        const text = walk(grammar, tagged.trigger, random);
        const { plain, calls } = split(syntax, text, random);
        expect(plain).toBe('');
        expectCalls(calls, text, format);
      }
    });

    test(`is written as the row says: ${name}`, () => {
      expect(beginsCall.startsWith(format.trigger)).toBe(true);
      expect(format.middle.startsWith('"')).toBe(true);
      // Free text cannot hold the trigger: everything behind it is a call.
      const matcher = new GrammarProgram(textWithout([format.trigger]), BYTES).start();
      expect(matcher.acceptBytes(new TextEncoder().encode(format.trigger))).toBe(false);
    });
  },
);

test('arguments are those that the schema names', () => {
  const shapes: [Record<string, unknown> | undefined, string, boolean][] = [
    [undefined, '{}', true],
    [undefined, '{"a":1}', false],
    [{ type: 'object' }, '{"a":1}', false],
    [{ properties: { a: { type: 'integer' } } }, '{"a":1}', true],
    [{ properties: { a: { type: 'integer' } } }, '{"b":1}', false],
    [{ properties: {}, additionalProperties: true }, '{"b":1}', true],
    [{ additionalProperties: { type: 'integer' } }, '{"b":1}', true],
  ];
  const format = TOOL_FORMATS.at(-1)!;
  for (const [parameters, json, isAllowed] of shapes) {
    const use = toolUse([{ name: 'f', parameters }], 'required', true, () => 'tools')!;
    const matcher = new GrammarProgram(toolGrammar(use, format, null), BYTES).start();
    const text = `${format.start}${format.open}f${format.middle}${json}${format.close}${format.end}`;
    const taken = matcher.acceptBytes(new TextEncoder().encode(text)) && matcher.canEnd;
    expect(taken, `${JSON.stringify(parameters)} ${json}`).toBe(isAllowed);
  }
});
