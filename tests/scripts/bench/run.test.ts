import { expect, test } from 'vitest';
import { benchTokens } from '../../../scripts/bench/peers/peer.ts';
import { findPeer, PEER_NAMES } from '../../../scripts/bench/peers/peers.ts';
import {
  BENCH_ROWS,
  contextNeeded,
  SALTS_PER_QUESTION,
} from '../../../scripts/bench/report/rows.ts';
import type { BenchRow } from '../../../scripts/bench/report/rows.ts';
import { ownTime, schedule } from '../../../scripts/bench/report/run.ts';

const row = (name: string, marks: Partial<BenchRow> = {}): BenchRow => ({
  name,
  group: 'prefill',
  title: name,
  unit: 'tok/s',
  question: { ask: 'prefill', nTokens: 4 },
  peers: ['workerd', 'node', 'wllama'],
  ...marks,
});
const asText = (steps: ReturnType<typeof schedule>) =>
  steps.map(({ round, row, peer }) => `${round} ${row.name} ${peer}`);

test('every round asks every row, and peers change their order', () => {
  const rows = [row('a'), row('b')];
  expect(asText(schedule({ rows, peers: ['workerd', 'node'], rounds: 2 }))).toEqual([
    ...['1 a workerd', '1 a node', '1 b workerd', '1 b node'],
    ...['2 a node', '2 a workerd', '2 b node', '2 b workerd'],
  ]);
});

test('what is asked once comes last, and slow peers drop out early', () => {
  const rows = [row('memory', { isOnce: true }), row('a')];
  const steps = schedule({ rows, peers: ['node', 'wllama'], rounds: 5 });
  expect(asText(steps).slice(-2)).toEqual(['1 memory node', '1 memory wllama']);
  const asked = steps.filter(({ peer, row }) => peer === 'wllama' && row.name === 'a').length;
  expect(asked).toBe(findPeer('wllama').maxRounds);
  expect(asked).toBeLessThan(5);
});

test('a peer is asked only what it can answer', () => {
  const rows = [row('a', { peers: ['node'] })];
  expect(asText(schedule({ rows, peers: [...PEER_NAMES], rounds: 1 }))).toEqual(['1 a node']);
});

test('names of rows and peers are unique, and every row has a peer', () => {
  for (const names of [BENCH_ROWS.map(({ name }) => name), PEER_NAMES])
    expect(new Set(names).size).toBe(names.length);
  for (const { peers } of BENCH_ROWS) expect(peers.length).toBeGreaterThan(0);
});

test('every row fits the context that a server has by default', () => {
  for (const one of BENCH_ROWS) expect(contextNeeded(one)).toBeLessThanOrEqual(2048);
  expect(Math.max(...BENCH_ROWS.map(contextNeeded))).toBeGreaterThan(1900);
});

test('streams have salts of their own', () => {
  for (const { question } of BENCH_ROWS)
    if (question.ask === 'streams')
      expect(question.nStream).toBeLessThanOrEqual(SALTS_PER_QUESTION);
});

test.each([512, 49_152])('prompts of %i ids begin differently and stay inside', (nVocab) => {
  const firsts = Array.from({ length: 400 }, (_, salt) => benchTokens(1, salt, nVocab)[0]);
  expect(new Set(firsts).size).toBe(400);
  const ids = benchTokens(2000, 7, nVocab);
  expect(Math.min(...ids)).toBeGreaterThanOrEqual(3);
  expect(Math.max(...ids)).toBeLessThan(nVocab);
});

test("others' share of the core is taken out of rates and times only", () => {
  expect(ownTime(60, 'tok/s', 0.4)).toBeCloseTo(100);
  expect(ownTime(100, 'ms', 0.4)).toBeCloseTo(60);
  expect(ownTime(100, 'bytes', 0.4)).toBe(100);
  expect(ownTime(0.5, 'share', 0.4)).toBe(0.5);
  expect(ownTime(60, 'tok/s', null)).toBe(60);
});
