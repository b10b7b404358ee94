import { describe, expect, test } from 'vitest';
import { chartSvg } from '../../../scripts/bench/report/chart.ts';
import { GOALS, judgeGoals } from '../../../scripts/bench/report/goals.ts';
import { makeProfile, readSamples } from '../../../scripts/bench/peers/peer-profile.ts';
import type { PeerName } from '../../../scripts/bench/peers/peers.ts';
import { findPeer } from '../../../scripts/bench/peers/peers.ts';
import type { BenchFacts } from '../../../scripts/bench/report/report.ts';
import {
  describeResult,
  otherTable,
  resultJson,
  showValue,
  speedTable,
} from '../../../scripts/bench/report/report.ts';
import { BENCH_ROWS } from '../../../scripts/bench/report/rows.ts';
import type { Series } from '../../../scripts/bench/report/run.ts';
import { docsMarkdown, replaceMarked } from '../../../scripts/bench/report/write-docs.ts';

const series = (row: string, peer: PeerName, values: number[], detail?: unknown): Series => ({
  row,
  peer,
  samples: values.map((value, i) => ({ round: i + 1, value })),
  ...(detail === undefined ? {} : { detail }),
});
const result = (...all: Series[]) => ({ series: all, failures: {} });
const facts: BenchFacts = {
  model: 'm',
  preset: 'edge',
  date: '2026-01-02',
  rounds: 3,
  pinnedCore: 1,
  cpu: 'A < B & C',
  loadBefore: 0,
  ownTime: false,
};
const decodes = result(
  series('decode-16', 'workerd', [300, 30, 330]),
  series('decode-16', 'llama.cpp', [100, 10, 100]),
  series('decode-16', 'node-simd', [50]),
  series('peak-memory', 'workerd', [120_400_000]),
);

describe('tables', () => {
  test('rows down, peers across, medians with their spread', () => {
    expect(speedTable(decodes)).toBe(
      [
        '|  | Thimble, workerd | llama.cpp native, same file |',
        '| --- | --: | --: |',
        '| decode at 16 tokens of context, tok/s | 300 (30.0-330) | 100 (10.0-100) |',
        '| peak memory, 2,040 tokens of context in use, MB | 120 |  |',
        '',
      ].join('\n'),
    );
    expect(otherTable(decodes)).toContain(`| ${findPeer('node-simd').label} | 50.0 |`);
  });

  test('variants have the columns where nothing else was measured', () => {
    const only = result(series('decode-16', 'node-simd', [50]));
    expect(speedTable(only)).toContain('| SIMD128, Node |');
    expect(otherTable(only)).toBe('');
  });

  test('a failure is told', () => {
    const failed = { series: [], failures: { wllama: 'no browser' } };
    expect(describeResult(failed)).toBe('wllama failed: no browser\n');
  });

  test.each([
    [1234.4, 'tok/s', '1234'],
    [99.95, 'tok/s', '100.0'],
    [9.994, 'ms', '9.99'],
    [0.6, 'share', '0.600'],
    [582_000, 'bytes', '0.582'],
  ] as const)('%d %s is written %s', (value, unit, text) => {
    expect(showValue(value, unit)).toBe(text);
  });
});

describe('goals', () => {
  test('are judged on the median of ratios within a round', () => {
    const judged = judgeGoals(decodes.series);
    expect(judged.find(({ goal }) => goal.name === 'decode-native')).toMatchObject({
      measured: { median: 3, min: 3, max: 3.3 },
      isMet: true,
    });
    expect(judged.map(({ goal }) => goal.name)).not.toContain('decode-wllama');
  });

  test('lower is better where it is said to be', () => {
    const judge = (bytes: number) =>
      judgeGoals([series('peak-memory', 'workerd', [bytes])]).map(({ isMet }) => isMet);
    expect(judge(127e6)).toEqual([true]);
    expect(judge(129e6)).toEqual([false]);
  });

  test('speak of rows and peers that are measured', () => {
    for (const { of, against } of GOALS)
      for (const ref of against === undefined ? [of] : [of, against])
        expect(BENCH_ROWS.find(({ name }) => name === ref.row)?.peers).toContain(ref.peer);
  });
});

test('a profile adds samples up by function, and tells kernels from the rest', () => {
  const sample = (name: string, isKernel: boolean, microseconds: number) => ({
    ...{ name, isKernel, microseconds },
  });
  const profile = makeProfile(
    [
      ...[sample('big', true, 500), sample('small', true, 100), sample('big', true, 250)],
      ...[sample('forward', false, 90), sample('(program)', false, 60)],
    ],
    4000,
  );
  expect(profile.kernels.map(({ name }) => name)).toEqual(['big', 'small']);
  expect(profile.kernels[0]).toMatchObject({ share: 0.75, microsecondsPerToken: 3000 });
  expect(profile.outsideShare).toBeCloseTo(0.15);
  expect(profile.outside.map(({ name }) => name)).toEqual(['forward', '(program)']);
});

test('samples in helpers count as the kernel that called them, the border as no kernel', () => {
  const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
    ...{ id, children },
    callFrame: { functionName, url, scriptId: '1', lineNumber: 9, columnNumber: 0 },
  });
  const wasm = 'wasm://wasm/1';
  const nodes = [
    node(1, '(root)', '', [2, 7]),
    node(2, 'forward', 'file:///x/decoder.ts', [3, 6]),
    node(3, 'wasm-function[4]', wasm, [4]),
    node(4, 'wasm-function[9]', wasm),
    node(6, 'js-to-wasm:ii:', wasm),
    node(7, 'post', 'node:inspector'),
  ];
  const samples = readSamples(
    {
      ...{ nodes, startTime: 0, endTime: 9 },
      samples: [3, 4, 2, 6, 7],
      timeDeltas: [10, 20, 30, 40, 50],
    },
    new Map([['wasm-function[4]', 'attendQ8']]),
  );
  expect(samples).toEqual([
    { name: 'attendQ8', isKernel: true, microseconds: 10 },
    { name: 'attendQ8', isKernel: true, microseconds: 20 },
    { name: 'forward (decoder.ts:10)', isKernel: false, microseconds: 30 },
    { name: 'js-to-wasm:ii: (1:10)', isKernel: false, microseconds: 40 },
  ]);
});

describe('the JSON object', () => {
  test('has every sample, medians and goals', () => {
    const json = JSON.parse(JSON.stringify(resultJson(facts, decodes))) as {
      rows: { name: string; peers: Record<string, { median: number; samples: number[] }> }[];
      goals: { name: string }[];
    };
    expect(json.rows.map(({ name }) => name)).toEqual(['decode-16', 'peak-memory']);
    expect(json.rows[0]?.peers['workerd']).toEqual({
      ...{ median: 300, min: 30, max: 330 },
      samples: [300, 30, 330],
    });
    expect(json.goals.map(({ name }) => name)).toContain('decode-native');
  });
});

describe('the chart', () => {
  const svg = chartSvg(facts, decodes);
  test('has a bar a peer, as long as its median, and text as text', () => {
    const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toHaveLength(2);
    expect(widths[0]! / widths[1]!).toBeCloseTo(3, 1);
    expect(svg).toContain('>Thimble, workerd</text>');
    expect(svg).not.toContain('<path');
  });
  test('escapes what it is told', () => expect(svg).toContain('A &lt; B &amp; C'));
  test('follows the dark scheme', () => expect(svg).toContain('prefers-color-scheme:dark'));
  test('nothing reaches over its edge', () => {
    const width = Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]);
    for (const [, x, w] of svg.matchAll(/<rect x="([\d.]+)"[^>]*width="([\d.]+)"/g))
      expect(Number(x) + Number(w)).toBeLessThan(width);
  });
});

describe('the README', () => {
  const begin = '<!-- bench:begin (written by thimble bench --write-docs) -->';
  test('gets the tables between its marks, the same a second time', () => {
    const text = `before\n${begin}\nold\n<!-- bench:end -->\nafter\n`;
    const once = replaceMarked(text, docsMarkdown(facts, decodes));
    expect(once).toMatch(/^before\n[\s\S]*decode at 16[\s\S]*\nafter\n$/);
    expect(once).not.toContain('old');
    expect(replaceMarked(once, docsMarkdown(facts, decodes))).toBe(once);
  });
  test('without its marks is refused', () => {
    expect(() => replaceMarked('no marks', 'x')).toThrow(/lacks the lines/);
  });
});
