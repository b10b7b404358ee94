/**
 * Models placed, listed, renamed, rolled back and removed from the command line, beside a running server
 * that follows; what does not fit refused before anything is written.
 * @module-tag slow
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { versionOf } from '../../scripts/push/place.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { runThimble, startThimble } from '../support/program.ts';
import type { Ended, Running } from '../support/program.ts';

const MODEL = 'stories260k';
/** The same weights under another name. */
const OTHER = 'stories-again';
const STORIES = join(repoRoot, 'assets', 'stories260k', 'stories260K.bin');

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-fleet-'));
  for (const id of [MODEL, OTHER])
    expect(await thimble('import', STORIES, '--id', id)).toMatchObject({ code: 0 });
});
afterAll(() => rm(home, { recursive: true, force: true }));

function thimble(...args: string[]): Promise<Ended> {
  return runThimble(args, { home });
}

function jsonOf<T>(ended: Ended): T {
  expect(ended.stderr.split('\n').filter((line) => line.startsWith('error'))).toEqual([]);
  return JSON.parse(ended.stdout) as T;
}

interface PlanJson {
  readonly pool: { readonly nIsolate: number; readonly reserveBytes: number };
  readonly replicas: readonly {
    readonly pieces: readonly { readonly isolate: number; readonly bytes: number }[];
  }[];
  readonly token: { readonly weightBytes: number; readonly nCall: number };
}
interface ModelsJson {
  readonly revision: number;
  readonly models: readonly {
    readonly id: string;
    readonly version: string;
    readonly isolates: readonly (readonly number[])[] | null;
    readonly isDefault: boolean;
    readonly canaryPercent: number | null;
    readonly isPrevious: boolean;
    readonly aliases: readonly string[];
  }[];
}

/** Changes the imported model's card: another version of the same weights. */
async function newVersion(id: string, card: string): Promise<string> {
  const path = join(home, 'data', 'models', id, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as object;
  const text = `${JSON.stringify({ ...manifest, card })}\n`;
  await writeFile(path, text);
  return versionOf(text);
}

describe('sizes and counts that cannot be', () => {
  test.each([
    [['plan', MODEL, '--budget', '0'], 'Expected a size such as 128MB'],
    [['plan', MODEL, '--budget', '-5MB'], 'Expected a size such as 128MB'],
    [['plan', MODEL, '--budget', 'lots'], 'Expected a size such as 128MB'],
    [['plan', MODEL, '--budget', '20MB'], '20000000 bytes; expected more than 21000000'],
    [['plan', MODEL, '--isolates', '0'], 'Expected a whole number from 1 to 64, or auto'],
    [['plan', MODEL, '--isolates', '65'], 'Expected a whole number from 1 to 64, or auto'],
    [['plan', MODEL, '--isolates', '1.5'], 'Expected a whole number from 1 to 64, or auto'],
    [['plan', MODEL, '--replicas', '17'], 'Expected a whole number from 1 to 16'],
    [['plan', MODEL, '--isolates', '2', '--replicas', '3'], '--isolates 3.'],
    [['plan', 'nope'], 'not imported'],
    [['push', MODEL, '--canary', '101'], 'Expected a number from 0 to 100'],
    [['push', MODEL, '--canary', '10'], 'no version of it answers yet'],
    [['dev', '--memory', 'lots'], 'Expected a size such as 128MB'],
    [['dev', '--memory', '1MB', '--port', '0'], 'expected more than 21000000'],
    [['dev', '--isolates', 'many'], 'Expected a whole number from 1 to 64, or auto'],
    [['generate', '-m', MODEL, '-p', 'x', '--memory', '11MB'], 'the budget is 11000000'],
    [['deploy', '--dry-run', '--model', 'nope'], 'not imported'],
    [['alias', 'only-a-name'], 'expected NAME ID, or --remove NAME'],
    [['rm', 'nope'], 'no model "nope" is in the bucket'],
  ])('thimble %j fails and says why', async (args, message) => {
    const { code, stderr, stdout } = await thimble(...args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
  });
});

test('a plan changes nothing and says what a token costs', async () => {
  const plan = jsonOf<PlanJson>(await thimble('plan', MODEL, '--isolates', '3', '--json'));
  expect(plan.pool).toMatchObject({ nIsolate: 3, reserveBytes: 10_000_000 });
  expect(plan.replicas[0]!.pieces).toMatchObject([{ isolate: 0, layers: [0, 5], rows: [0, 512] }]);
  expect(plan.token).toMatchObject({ nCall: 0, usdPerMillionTokensOfCalls: 0 });
  expect(plan.token.weightBytes).toBeGreaterThan(100_000);
  const { stdout } = await thimble('plan', MODEL);
  expect(stdout).toMatch(/8 isolates of 128\.0 MB each: 10\.0 MB left free/);
  const { revision, models } = jsonOf<ModelsJson>(await thimble('models', '--json'));
  expect([revision, models]).toEqual([0, []]);
  const refused = await thimble('plan', MODEL, '--write');
  expect(refused.stderr).toContain(`thimble push ${MODEL}`);
});

test('a dry run of a deployment shows scripts and placement', async () => {
  const { code, stdout } = await thimble(
    'deploy',
    '--dry-run',
    '--isolates',
    '2',
    '--model',
    MODEL,
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/thimble-stage-1 .*\n.*thimble-stage .*STAGE_1 -> thimble-stage-1/);
  expect(stdout).toMatch(
    /pool of 2 isolates, default model stories260k:\n +isolate 0 .*stories260k/,
  );
});

describe('beside a running server', () => {
  let server: Running;
  let url = '';
  beforeAll(async () => {
    const args = ['dev', '--port', '0', '--model', MODEL, '--isolates', '3', '--memory', '64MB'];
    server = startThimble(args, { home });
    [, url = ''] = await server.waitFor(/Serving \S+ at (http:\S+)\n/);
  }, 60_000);
  afterAll(async () => {
    server.kill('SIGINT');
    await server.ended;
  });

  /** Which model answers, once the record that is cached for two seconds has been read again. */
  async function answerOf(model: string | undefined, until: (text: string) => boolean) {
    for (let text = ''; ;) {
      const response = await fetch(`${url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, prompt: 'Once upon a time', max_tokens: 4, temperature: 0 }),
      });
      text = await response.text();
      if (until(text)) return text;
    }
  }
  const answeredBy = (id: string) => (text: string) => text.includes(`"model":"${id}"`);
  const isUnknown = (text: string) => text.includes('E_MODEL_NOT_FOUND');

  test('what lies where is told at the start', () => {
    expect(server.output()).toMatch(/isolate 0 .*used, .*free +stories260k\n/);
    expect(server.output()).toMatch(/isolates 1 to 2 +43\.0 MB free +nothing/);
  });

  test('a model that is pushed later answers beside it, under its names', async () => {
    const pushed = await thimble('push', OTHER, '--replicas', '2');
    expect(pushed.stderr).toContain(`${OTHER}: placed in isolate 1 and isolate 2, context 512`);
    await answerOf(OTHER, answeredBy(OTHER));
    await answerOf(MODEL, answeredBy(MODEL));
    expect(await thimble('alias', 'gpt-4o-mini', OTHER)).toMatchObject({ code: 0 });
    expect(await thimble('use', OTHER)).toMatchObject({ code: 0 });
    await answerOf('gpt-4o-mini', (text) => !isUnknown(text));
    await answerOf(undefined, answeredBy(OTHER));
    const { models } = jsonOf<ModelsJson>(await thimble('models', '--json'));
    expect(models).toMatchObject([
      { id: OTHER, isDefault: true, aliases: ['gpt-4o-mini'], isolates: [[1], [2]] },
      { id: MODEL, isDefault: false, aliases: [], isolates: [[0]] },
    ]);
  });

  test('a canary, its end, a new version and the way back', async () => {
    const read = async () => {
      const { models } = jsonOf<ModelsJson>(await thimble('models', '--json'));
      return models.filter(({ id }) => id === MODEL);
    };
    const [first] = await read();
    const second = await newVersion(MODEL, 'second');
    const canary = await thimble('push', MODEL, '--canary', '25');
    expect(canary.stderr).toContain('answers 25 % of requests (canary)');
    const marks = (await read()).map(({ version, canaryPercent }) => [version, canaryPercent]);
    expect(new Map(marks as [string, number | null][])).toEqual(
      new Map([
        [first!.version, null],
        [second, 25],
      ]),
    );
    await answerOf(MODEL, answeredBy(MODEL));
    expect((await thimble('rollback', MODEL)).stderr).toContain(first!.version);
    expect((await thimble('push', MODEL)).code).toBe(0);
    const pushed = await read();
    expect(pushed.find(({ isPrevious }) => isPrevious)?.version).toBe(first!.version);
    expect((await thimble('rollback', MODEL)).stderr).toContain(first!.version);
    await answerOf(MODEL, answeredBy(MODEL));
  });

  test('a plan that is written changes the size of the pool', async () => {
    const state = join(home, 'data', 'state');
    const before = jsonOf<ModelsJson>(await thimble('models', '--json'));
    const copy = await mkdtemp(join(tmpdir(), 'thimble-fleet-copy-'));
    try {
      await cp(state, join(copy, 'data', 'state'), { recursive: true });
      const fresh = await runThimble(['plan', '--write', '--isolates', '5'], { home: copy });
      expect(fresh).toMatchObject({ code: 0 });
      expect(fresh.stdout).toMatch(/pool: 5 isolates of 64\.0 MB/);
      expect(fresh.stderr).toContain(`revision ${before.revision + 1}`);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });

  test('a removed model is gone with its files, and the server says so', async () => {
    const removed = await thimble('rm', OTHER);
    expect(removed.stderr).toMatch(/stories-again: \d+ objects deleted/);
    expect(await answerOf(OTHER, isUnknown)).toContain(MODEL);
    const { models } = jsonOf<ModelsJson>(await thimble('models', '--json'));
    expect(models.map(({ id }) => id)).not.toContain(OTHER);
    expect((await thimble('rm', OTHER)).code).toBe(1);
  });
});
