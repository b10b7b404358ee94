/** Answers from a collection under each policy of the check, whole and streamed, and in responses with file_search. */
import { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { sseData, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { openaiAs, startSubjectServer } from '../support/subject-server.ts';

const NOTE = 'The lighthouse of Skelby is 41 metres tall. It was built in 1876 by Ole Brekke.';
const QUESTION = 'How tall is the lighthouse of Skelby?';
const NOTHING = 'The documents do not say.';

interface Claim {
  readonly start: number;
  readonly end: number;
  readonly verdict: string;
  readonly action: string;
  readonly said: string;
  readonly sources: readonly {
    index: number;
    document: string;
    start: number;
    end: number;
    text: string;
  }[];
}
interface Answer {
  readonly choices: readonly { message: { content: string } }[];
  readonly citations: readonly { cited: boolean }[];
  readonly claims?: readonly Claim[];
}

let server: TestServer;
beforeAll(async () => {
  // own server: its gateway is another one.
  server = await startSubjectServer([TINY_ENCODER_ID]);
  await ok('/v1/collections', { name: 'places' });
  await ok('/v1/collections/places/documents', {
    documents: [{ id: 'skelby.txt', content: NOTE }],
  });
});
afterAll(() => server.close());

const headers = { 'content-type': 'application/json', 'x-subject': 'ada' };
async function ok<T>(path: string, body: object): Promise<T> {
  const response = await server.post(path, body, { headers });
  if (response.status !== 200) expect([response.status, await response.text()]).toEqual([200, '']);
  return await response.json<T>();
}

/** The tiny model tells stories, whatever it is asked: of a girl who is in no document. */
const bodyOf = (check: string | undefined, more: object = {}) => ({
  ...{ messages: [{ role: 'user', content: QUESTION }], max_tokens: 40, temperature: 0 },
  retrieval: { collection: 'places', ...(check === undefined ? {} : { check }) },
  ...more,
});
const ask = (check?: string, more: object = {}) =>
  ok<Answer>('/v1/chat/completions', bodyOf(check, more));
const contentOf = ({ choices }: Answer) => choices[0]!.message.content;

describe('a chat completion', () => {
  test('without the check is what the model says', async () => {
    const answer = await ask('off');
    expect(contentOf(answer).length).toBeGreaterThan(20);
    expect(answer).not.toHaveProperty('claims');
  });

  test('marks claims with their places', async () => {
    const answer = await ask('mark');
    expect(answer.claims!.length).toBeGreaterThan(0);
    for (const { action, start, end, said } of answer.claims!) {
      expect(action).toBe('kept');
      expect(contentOf(answer).slice(start, end)).toBe(said);
    }
    expect(answer.claims!.map(({ verdict }) => verdict)).toContain('unsupported');
  });

  test('quotes the document by default, and cites the place', async () => {
    const answer = await ask();
    const quoted = answer.claims!.find(({ action }) => action === 'quoted')!;
    // The tiny encoder's order of the passages is by chance.
    const [source] = quoted.sources;
    const place = source!.index;
    expect(contentOf(answer)).toContain(`The lighthouse of Skelby is 41 metres tall. [${place}]`);
    expect(contentOf(answer).slice(quoted.start, quoted.end)).toBe(quoted.sources[0]!.text);
    expect(NOTE.slice(source!.start, source!.end)).toBe(source!.text);
    expect(source).toMatchObject({ document: 'skelby.txt' });
    expect(answer.citations[place - 1]!.cited).toBe(true);
  });

  test('of which nothing is left says so', async () => {
    const name = { ...bodyOf('drop'), max_tokens: 12 };
    const answer = await ok<Answer>('/v1/chat/completions', name);
    expect(answer.claims!.map(({ action }) => action)).toContain('dropped');
    if (answer.claims!.every(({ action }) => action === 'dropped'))
      expect(contentOf(answer)).toBe(NOTHING);
  });

  test.each(['quote', 'drop', 'mark'])('is the same streamed: %s', async (check) => {
    const whole = await ask(check);
    const response = await server.post('/v1/chat/completions', bodyOf(check, { stream: true }), {
      headers,
    });
    const data = await Array.fromAsync(sseData(response));
    const chunks = data
      .slice(0, -1)
      .map(
        (line) =>
          JSON.parse(line) as { choices: { delta: { content?: string } }[]; claims?: Claim[] },
      );
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    expect(text).toBe(contentOf(whole));
    expect(chunks.flatMap(({ claims }) => (claims === undefined ? [] : [claims]))).toEqual([
      whole.claims,
    ]);
  });

  test('that has to match a format is not checked', async () => {
    const answer = await ask(undefined, { regex: '[0-9]{3}' });
    expect(contentOf(answer)).toMatch(/^\d{3}$/);
    expect(answer).not.toHaveProperty('claims');
  });

  test('refuses a policy that there is not, by name', async () => {
    const response = await server.post('/v1/chat/completions', bodyOf('maybe'), { headers });
    const { error } = await response.json<{ error: { param: string } }>();
    expect([response.status, error.param]).toEqual([400, 'retrieval.check']);
  });
});

describe('a response with file_search', () => {
  test.each([
    [undefined, true],
    ['off', false],
  ])('with check %s has the citation of the system: %s', async (check, isCited) => {
    const ada = openaiAs(server, 'ada');
    const file = await toFile(new Blob([NOTE]), 'skelby.txt');
    const { id } = await ada.files.create({ file, purpose: 'assistants' });
    const store = await ada.vectorStores.create({ file_ids: [id] });
    const tool = { type: 'file_search' as const, vector_store_ids: [store.id] };
    const response = await ada.responses.create({
      ...{ model: STORIES_ID, input: QUESTION, max_output_tokens: 40, temperature: 0 },
      tools: [check === undefined ? tool : ({ ...tool, check } as typeof tool)],
    });
    const parts = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
    const [part] = parts;
    expect(part).toMatchObject({ type: 'output_text' });
    if (part?.type !== 'output_text') return;
    const annotations = part.annotations.map(({ type }) => type);
    expect(annotations.includes('file_citation')).toBe(isCited);
    if (isCited) expect(part.text).toMatch(/41 metres tall\. \[\d\]/);
  });
});
