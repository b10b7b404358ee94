/** Answers held to schemas, grammars and patterns, over HTTP and with OpenAI's own client. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { doublingGbnf, doublingSchema, millionsSchema } from '../support/doubling.ts';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
let client: OpenAI;
beforeAll(async () => {
  server = await shareTestServer();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

interface Refusal {
  readonly error: { readonly param: string; readonly message: string };
}

const messages = [{ role: 'user' as const, content: 'Once upon a time' }];
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 12 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    kind: { enum: ['cat', 'dog'] },
    friends: { type: 'array', items: { type: 'string', maxLength: 8 }, maxItems: 2 },
  },
  required: ['name', 'age', 'kind', 'friends'],
  additionalProperties: false,
};
const format = { type: 'json_schema' as const, json_schema: { name: 'pet', schema } };

interface Pet {
  readonly name: string;
  readonly age: number;
  readonly kind: string;
  readonly friends: readonly string[];
}

function expectPet(text: string): void {
  const pet = JSON.parse(text) as Pet;
  expect(Object.keys(pet)).toEqual(['name', 'age', 'kind', 'friends']);
  expect([...pet.name].length).toBeGreaterThan(0);
  expect([...pet.name].length).toBeLessThanOrEqual(12);
  expect(Number.isInteger(pet.age) && pet.age >= 0 && pet.age <= 120).toBe(true);
  expect(['cat', 'dog']).toContain(pet.kind);
  expect(pet.friends.length).toBeLessThanOrEqual(2);
}

describe('a schema', () => {
  test('holds greedy, streamed and not, with the same text', async () => {
    const request = { model: STORIES_ID, messages, temperature: 0, response_format: format };
    const whole = await client.chat.completions.create(request);
    const text = whole.choices[0]?.message.content ?? '';
    expectPet(text);
    expect(whole.choices[0]?.finish_reason).toBe('stop');
    let streamed = '';
    const stream = await client.chat.completions.create({ ...request, stream: true });
    for await (const chunk of stream) streamed += chunk.choices[0]?.delta.content ?? '';
    expect(streamed).toBe(text);
  });

  test('holds at temperature 1.5, for any seed, and the seed decides the text', async () => {
    const answers = async () => {
      const request = { model: STORIES_ID, messages, temperature: 1.5, n: 8, seed: 40 };
      const { choices } = await client.chat.completions.create({
        ...request,
        response_format: format,
      });
      return choices.map(({ message }) => message.content ?? '');
    };
    const texts = await answers();
    texts.forEach(expectPet);
    expect(new Set(texts).size).toBeGreaterThan(1);
    expect(await answers()).toEqual(texts);
  });

  test('is closed before max_tokens, and the reason says so', async () => {
    const long = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };
    const { choices } = await client.chat.completions.create({
      ...{ model: STORIES_ID, messages, temperature: 0, max_tokens: 16 },
      response_format: { type: 'json_schema', json_schema: { name: 'long', schema: long } },
    });
    const [choice] = choices;
    expect(JSON.parse(choice?.message.content ?? '')).toHaveProperty('text');
    expect(choice?.finish_reason).toBe('length');
  });

  test('that no answer of max_tokens can satisfy is refused with the number', async () => {
    const response = await server.post('/v1/chat/completions', {
      ...{ messages, max_tokens: 3, response_format: format },
    });
    expect(response.status).toBe(400);
    const { error } = await response.json<Refusal>();
    expect(error.param).toBe('max_tokens');
    expect(error.message).toContain('room for 3');
  });

  test.each([
    [{ type: 'object', dependentSchemas: { a: {} } }, 'dependentSchemas'],
    [{ type: 'string', format: 'colour' }, 'colour'],
    [{ allOf: [{ type: 'string' }, { type: 'number' }] }, ''],
    [{ $ref: 'https://example.com/schema' }, '$ref'],
    [{ $ref: '#' }, ''],
  ])('%j is refused by name', async (bad, word) => {
    const response_format = { type: 'json_schema', json_schema: { name: 'bad', schema: bad } };
    const response = await server.post('/v1/chat/completions', { messages, response_format });
    expect(response.status).toBe(400);
    const { error } = await response.json<Refusal>();
    expect(error.param).toContain('response_format.json_schema.schema');
    expect(error.message).toContain(word);
  });
});

describe('other formats', () => {
  const answer = async (fields: object): Promise<string> => {
    const body = {
      prompt: 'Once upon a time',
      temperature: 1,
      seed: 3,
      max_tokens: 120,
      ...fields,
    };
    const response = await server.post('/v1/completions', body);
    expect(response.status).toBe(200);
    const { choices } = await response.json<{ choices: { text: string }[] }>();
    return choices[0]?.text ?? '';
  };

  test('any JSON object', async () => {
    const text = await answer({ response_format: { type: 'json_object' } });
    expect(typeof JSON.parse(text)).toBe('object');
  });

  test('a pattern for the whole answer', async () => {
    expect(await answer({ regex: '(yes|no), [a-z]{3,9}' })).toMatch(/^(yes|no), [a-z]{3,9}$/);
  });

  test('a GBNF grammar', async () => {
    const grammar = 'root ::= item ("," item){2}\nitem ::= "<" [a-c]+ ">"';
    expect(await answer({ grammar })).toMatch(/^<[a-c]+>,<[a-c]+>,<[a-c]+>$/);
  });

  test.each([
    ['regex', '(a|b', 'regex'],
    ['regex', '(?=a)b', 'regex'],
    ['regex', '(.{1,1000}){1,1000}', 'regex'],
    ['grammar', 'root ::= missing', 'missing'],
    ['grammar', 'root ::= root "a"', 'no finite text'],
  ])('%s %s is refused', async (field, value, word) => {
    const response = await server.post('/v1/completions', { prompt: 'a', [field]: value });
    expect(response.status).toBe(400);
    const { error } = await response.json<Refusal>();
    expect(error.param).toBe(field);
    expect(error.message).toContain(word);
  });

  test('two of them contradict each other', async () => {
    const response = await server.post('/v1/completions', {
      prompt: 'a',
      regex: 'a',
      grammar: 'b',
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'regex' } });
  });
});

describe('an output that no memory holds', () => {
  const jsonSchema = (schema: object) => ({
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
  });
  // The arguments themselves are an object.
  const parameters = { ...doublingSchema(39), type: 'object' };
  const input = 'Once';

  test.each<[string, string, object, string]>([
    [
      'a schema',
      '/v1/chat/completions',
      { messages, ...jsonSchema(doublingSchema(39)) },
      'response_format.json_schema.schema',
    ],
    [
      'a schema past the floats',
      '/v1/chat/completions',
      { messages, ...jsonSchema(millionsSchema(60)) },
      'response_format.json_schema.schema',
    ],
    [
      "a tool's parameters",
      '/v1/chat/completions',
      { messages, tools: [{ type: 'function', function: { name: 'f', parameters } }] },
      'tools[0].function.parameters',
    ],
    [
      'a format of messages',
      '/v1/messages',
      { messages, output_config: { format: { type: 'json_schema', schema: doublingSchema(39) } } },
      'output_config.format.schema',
    ],
    [
      'a format of responses',
      '/v1/responses',
      { input, text: { format: { type: 'json_schema', name: 'x', schema: doublingSchema(39) } } },
      'text.format.schema',
    ],
    ['a grammar', '/v1/completions', { prompt: input, grammar: doublingGbnf(39) }, 'grammar'],
    ['a pattern', '/v1/completions', { prompt: input, regex: 'a{40000}' }, 'regex'],
  ])('is refused, and others are answered: %s', async (_, path, body, param) => {
    const [refused, beside] = await Promise.all([
      server.post(path, { model: STORIES_ID, max_tokens: 8, ...body }),
      server.post('/v1/completions', { prompt: input, max_tokens: 2 }),
    ]);
    expect([refused.status, beside.status]).toEqual([400, 200]);
    const { error } = await refused.json<Refusal>();
    expect(error.message).toContain(`${param}: the shortest output that matches has at least`);
    expect(error.message).toContain('expected at most 32768');
  });
});
