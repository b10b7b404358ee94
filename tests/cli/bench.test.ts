/**
 * `thimble bench` as a person runs it, on the embedded model; what it measures is not judged.
 * @module-tag slow
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { descendantsOf, isRunning, runThimble, startThimble } from '../support/program.ts';

const MODEL = 'stories260k';
let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-bench-test-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface BenchJson {
  readonly model: string;
  readonly rows: readonly {
    readonly name: string;
    readonly peers: Record<
      string,
      { readonly median: number; readonly samples: number[]; readonly detail?: unknown }
    >;
  }[];
  readonly goals: readonly { readonly name: string }[];
  readonly failures: Record<string, string>;
}

test('measures rows with peers in processes of their own', async () => {
  const chart = join(home, 'chart.svg');
  const { code, stdout, stderr } = await runThimble(
    [
      ...['bench', '-m', MODEL, '--rounds', '1', '--chart', chart],
      ...['--rows', 'prefill-32,decode-16,streams-2,outside-kernels,decode-1900'],
      ...['--only', 'node', 'node-profile', 'node-lossless'],
    ],
    { home },
  );
  expect(stderr).not.toContain('error');
  expect(code).toBe(0);
  const { model, rows, goals, failures } = JSON.parse(
    stdout.trimEnd().split('\n').at(-1) ?? '',
  ) as BenchJson;
  expect(model).toBe(MODEL);
  expect(failures).toEqual({});
  // The model has no 1,900 positions: that row is left out.
  expect(rows.map(({ name }) => name)).toEqual([
    ...['prefill-32', 'decode-16', 'streams-2', 'outside-kernels'],
  ]);
  expect(Object.keys(rows[1]?.peers ?? {})).toEqual(['node', 'node-lossless']);
  for (const { peers } of rows)
    for (const { median, samples } of Object.values(peers)) {
      expect(samples).toEqual([median]);
      expect(median).toBeGreaterThan(0);
    }
  expect(JSON.stringify(rows[3]?.peers['node-profile']?.detail)).toMatch(/"name":"matmul/);
  expect(goals.map(({ name }) => name)).toEqual(['outside-kernels']);
  expect(stdout).toContain('| decode at 16 tokens of context, tok/s |');
  expect(await readFile(chart, 'utf8')).toContain('Thimble, Node');
});

test('measures the server that deploys: speed, cold start, memory and size', async () => {
  const { code, stdout, stderr } = await runThimble(
    [
      ...['bench', '-m', MODEL, '--rounds', '2', '--json', '--own-time', '--only', 'workerd'],
      ...['--rows', 'decode-16,streams-4,first-token-cold,peak-memory,bundle'],
    ],
    { home },
  );
  expect(stderr).not.toContain('error');
  expect(code).toBe(0);
  const { rows, failures } = JSON.parse(stdout) as BenchJson;
  expect(failures).toEqual({});
  const samples = Object.fromEntries(
    rows.map(({ name, peers }) => [name, peers['workerd']?.samples]),
  );
  // Memory and size are asked once.
  expect(Object.entries(samples).map(([name, values]) => [name, values?.length])).toEqual([
    ...[
      ['decode-16', 2],
      ['streams-4', 2],
      ['first-token-cold', 2],
    ],
    ...[
      ['peak-memory', 1],
      ['bundle', 1],
    ],
  ]);
  // Two scripts with both kernel builds, compressed; a heap and the embedded model.
  expect(samples['bundle']?.[0]).toBeGreaterThan(100_000);
  expect(samples['bundle']?.[0]).toBeLessThan(3_000_000);
  expect(samples['peak-memory']?.[0]).toBeGreaterThan(1_000_000);
  expect(samples['peak-memory']?.[0]).toBeLessThan(60_000_000);
});

test.each([
  [['--rows', 'decode-17'], 'bench: --rows decode-17; expected some of prefill-32'],
  [['--rows', ''], "bench: --rows ''; expected"],
  [['--only', 'ollama'], 'bench: --only ollama; expected some of workerd'],
  [['--rounds', '0'], 'Expected a whole number of at least 1'],
  [['--speech'], 'bench: --speech needs recordings'],
  [['--recognition'], 'bench: --recognition needs recordings'],
  [['--speech', '--clips', '/nowhere'], 'bench: no recordings in /nowhere'],
  [['--speech', '--clips', '.', '--only', 'siri'], 'bench: --only siri; expected some of workerd'],
  [['--rows', 'read-share', '--only', 'node'], 'bench: no chosen peer answers a chosen row'],
  [['--only', 'llama.cpp', '--rows', 'decode-16'], 'does not come from one of the catalogue'],
])('%j is refused', async (args, message) => {
  const { code, stdout, stderr } = await runThimble(['bench', '-m', MODEL, ...args], { home });
  expect(stderr).toContain(message);
  expect(stdout).toBe('');
  expect(code).not.toBe(0);
});

describe.skipIf(process.platform !== 'linux')('interrupted', () => {
  test('leaves no process behind', async () => {
    const running = startThimble(
      ['bench', '-m', MODEL, '--only', 'workerd', 'node', '--rounds', '1000'],
      { home },
    );
    await running.waitFor(/round 1 of 1000/);
    const children = descendantsOf(running.pid);
    // The program's own process, both peers and workerd.
    expect(children.length).toBeGreaterThanOrEqual(3);
    running.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130 });
    expect(children.filter(isRunning)).toEqual([]);
  });
});
