/** Tokens to text, with stop strings and log-probabilities. */
import { expect, test } from 'vitest';
import type { GenerateEvent, GenerateUsage, TokenLogprob } from '../../../engine/generate/types.ts';
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { byteLevelJson } from '../../../engine/text/pre-tokenizers.ts';
import { type TextEvent, textEvents } from '../../../worker/serving/generation/text-events.ts';
import { NO_USAGE } from '../../../engine/generate/types.ts';

const pieces = ['a', 'b', 'END', 'E', 'N', 'D', 'x', '\u00f0\u0141\u00a4\u0138'];
const tokenizer = Tokenizer.parse(
  JSON.stringify({
    model: { type: 'BPE', vocab: Object.fromEntries(pieces.map((p, id) => [p, id])), merges: [] },
    pre_tokenizer: byteLevelJson(),
  }),
  { addBos: false, bosId: null, eosIds: [] },
);
const usage: GenerateUsage = { ...NO_USAGE, promptTokens: 3, cachedTokens: 2 };

const logprob = (token: number): TokenLogprob => ({ token, logprob: -token, top: [] });

async function* events(tokens: number[]): AsyncGenerator<GenerateEvent, void, void> {
  yield { type: 'start', usage: { ...usage } };
  for (const token of tokens) {
    await Promise.resolve();
    yield { type: 'token', token, logprob: logprob(token) };
  }
  const completionTokens = tokens.length;
  yield { type: 'done', reason: 'length', usage: { ...usage, completionTokens } };
}

async function run(text: string, stops: string[]) {
  const tokens = [...text].map((char) => pieces.indexOf(char));
  const out: TextEvent[] = await Array.fromAsync(
    textEvents(events(tokens), tokenizer, { stops, atTextStart: true }),
  );
  const done = out.at(-1);
  const texts = out.flatMap((event) => (event.type === 'text' ? [event] : []));
  return {
    text: texts.map((event) => event.text).join(''),
    tokens: texts.flatMap((event) => event.tokens.map(({ token }) => pieces[token])),
    reason: done?.type === 'done' ? done.reason : null,
    nToken: done?.type === 'done' ? done.usage.completionTokens : null,
    cached: done?.type === 'done' ? done.usage.cachedTokens : null,
  };
}

test('without stops every token comes with its text', async () => {
  const result = await run('abEx', []);
  expect(result).toMatchObject({ text: 'abEx', tokens: ['a', 'b', 'E', 'x'], reason: 'length' });
});

test('a stop string takes its tokens away and keeps those before', async () => {
  const result = await run('abENDxxx', ['END']);
  expect(result).toEqual({
    text: 'ab',
    tokens: ['a', 'b'],
    reason: 'stop',
    // The tokens of the stop string were made, those behind it were not.
    nToken: 5,
    cached: 2,
  });
});

test('what only looked like a stop string comes late, whole', async () => {
  expect(await run('aENx', ['END'])).toMatchObject({ text: 'aENx', tokens: ['a', 'E', 'N', 'x'] });
  expect(await run('aEN', ['END'])).toMatchObject({ text: 'aEN', tokens: ['a', 'E', 'N'] });
});

test('a stop at the very beginning leaves nothing', async () => {
  expect(await run('ENDx', ['END'])).toMatchObject({ text: '', tokens: [], reason: 'stop' });
});
