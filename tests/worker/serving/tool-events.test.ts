/** Texts and calls of one answer: whose tokens are told, what a stop string ends. */
import { expect, test } from 'vitest';
import { NO_USAGE, type TokenLogprob } from '../../../engine/generate/types.ts';
import { type CallSyntax, toolFormatOf } from '../../../worker/serving/output/tool-formats.ts';
import type { TextEvent } from '../../../worker/serving/generation/text-events.ts';
import { type AnswerEvent, toolEvents } from '../../../worker/serving/generation/tool-events.ts';

const syntax: CallSyntax = { format: toolFormatOf('<tool_call>'), isAtStart: false };
const CALL = '<tool_call>\n{"name": "f", "arguments": {"a": "stop"}}\n</tool_call>';

/** An answer of which every letter is a token, numbered from 0. */
async function eventsOf(text: string, stops: readonly string[] = []): Promise<AnswerEvent[]> {
  async function* letters(): AsyncGenerator<TextEvent, void, void> {
    yield { type: 'start', usage: NO_USAGE };
    for (const [token, letter] of [...text].entries()) {
      await Promise.resolve();
      const logprob: TokenLogprob = { token, logprob: 0, top: [] };
      yield { type: 'text', text: letter, tokens: [logprob] };
    }
    yield { type: 'done', reason: 'stop', stop: null, usage: NO_USAGE };
  }
  return await Array.fromAsync(toolEvents(letters(), syntax, stops, { n: 0 }));
}

function read(events: readonly AnswerEvent[]) {
  const texts = events.flatMap((event) => (event.type === 'text' ? [event] : []));
  const done = events.at(-1);
  return {
    text: texts.map(({ text }) => text).join(''),
    tokens: texts.flatMap(({ tokens }) => tokens.map(({ token }) => token)),
    json: events.map((event) => (event.type === 'arguments' ? event.text : '')).join(''),
    reason: done?.type === 'done' ? done.reason : null,
  };
}

test('each token of a text is told once, also of what could have become a call', async () => {
  for (const text of ['a <tool_x b', 'a <tool_call', '<', '']) {
    const { tokens, ...rest } = read(await eventsOf(text));
    expect(rest).toEqual({ text, json: '', reason: 'stop' });
    expect(tokens).toEqual([...text].map((_, token) => token));
  }
});

test('tokens of a call are told nowhere, and it ends the answer', async () => {
  const { text, tokens, json, reason } = read(await eventsOf(`Well.${CALL}`));
  expect([text, tokens, json]).toEqual(['Well.', [0, 1, 2, 3, 4], '{"a": "stop"}']);
  expect(reason).toBe('tool_calls');
});

test('a stop string ends a text, never a call', async () => {
  const called = read(await eventsOf(`Well.${CALL}`, ['stop']));
  expect([called.json, called.reason]).toEqual(['{"a": "stop"}', 'tool_calls']);
  const stopped = read(await eventsOf(`We stop.${CALL}`, ['stop']));
  expect(stopped).toMatchObject({ text: 'We ', json: '', reason: 'stop' });
  // The beginning of a stop string before a call is text.
  expect(read(await eventsOf(`We st${CALL}`, ['stop'])).text).toBe('We st');
});
