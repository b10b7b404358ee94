import { expect, test } from 'vitest';
import { askPeer } from '../../../scripts/bench/peers/ask.ts';
import { timesOf } from '../../../scripts/bench/peers/engine-answers.ts';
import type { Answers } from '../../../scripts/bench/peers/peer.ts';
import { SALTS_PER_QUESTION } from '../../../scripts/bench/report/rows.ts';

const message = { question: { ask: 'decode', nPrompt: 16, nTokens: 96 }, salt: 64 } as const;

/** A peer whose tokens arrive at the given times, question by question. */
function peerOf(arrivals: readonly (readonly number[])[]): { answers: Answers; salts: number[] } {
  const salts: number[] = [];
  const decode = (_: unknown, salt: number) => {
    salts.push(salt);
    const atMs = arrivals[salts.length - 1] ?? [];
    return Promise.resolve(timesOf(0, [...atMs], 97, '').tokensPerSecond);
  };
  return { answers: { decode }, salts };
}

test('tokens that arrived at one moment are asked for again, with other prompts', async () => {
  const { answers, salts } = peerOf([[5, 5, 5], [5], [10, 11, 20]]);
  expect(await askPeer('node', answers, message)).toEqual({ value: 9600 });
  expect(salts).toEqual([64, 64 + SALTS_PER_QUESTION / 2, 64]);
});

test('a first answer that is a number is taken, with what stands behind it', async () => {
  const given = { value: 0, detail: { bytes: 1 } };
  const answers: Answers = { readShare: () => Promise.resolve(given) };
  const question = { ask: 'readShare', nPrompt: 1, nTokens: 1 } as const;
  expect(await askPeer('node-roof', answers, { question, salt: 0 })).toBe(given);
});

test('a peer that never gives a number, or does not know the question, says so', async () => {
  const { answers, salts } = peerOf([]);
  await expect(askPeer('node', answers, message)).rejects.toThrow(
    /^decode: in 4 attempts all tokens arrived at one moment/,
  );
  expect(salts).toHaveLength(4);
  await expect(askPeer('node', {}, message)).rejects.toThrow('node cannot answer decode');
});
