/**
 * `npm test`, after the packages: builds, brings the files of the models that are tested, then vitest, with format,
 * lint and types beside it. The last line is `N passed, N failed`. Arguments are handed to vitest; with
 * arguments the three checks are left out. With THIMBLE_TEST_STRICT=1 (what CI sets) a test that is
 * skipped is a failure, and the checks look at every file again.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { errorToRecord } from '../../engine/base/errors.ts';
import { onInterrupt } from '../lib/interrupt.ts';
import { repoRoot } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import { runMain } from '../lib/run-command.ts';
import { runStep } from '../lib/step.ts';
import { DEFAULT_MODEL_ID, SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { pullModel } from '../pull/pull.ts';
import { findVenv, installVenv } from '../pull/venv.ts';
import { buildStep } from '../dev/prepare.ts';

/** What tests of real models read. */
const TEST_MODEL_IDS: readonly string[] = [
  DEFAULT_MODEL_ID,
  SMALL_MODEL_ID,
  'whisper-tiny.en',
  'whisper-base',
  'all-minilm-l6-v2',
  'silero-vad',
  'piper-en-us-joe',
  'pico-en-us',
  'open-nsfw',
  'pp-ocr-v4',
  'efficientnet-lite0',
];

/** Clients in Python that tests drive. */
const PYTHON_REQUIREMENTS = join(repoRoot, 'tests/clients/python/requirements.txt');

/** What the checks remember of files that have not changed since. */
const CACHE_DIR = join(repoRoot, 'node_modules/.cache');

interface Check {
  readonly name: string;
  readonly args: readonly string[];
  /** Looks at changed files only. Types of other files are not seen to change by lint: CI does without. */
  readonly cacheArgs: readonly string[];
}
const BY_CONTENT = ['--cache', '--cache-strategy', 'content', '--cache-location'];
const CHECKS: readonly Check[] = [
  {
    name: 'format',
    args: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
    cacheArgs: [...BY_CONTENT, join(CACHE_DIR, 'prettier.json')],
  },
  {
    name: 'lint',
    args: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'],
    cacheArgs: [...BY_CONTENT, join(CACHE_DIR, 'eslint.json')],
  },
  {
    name: 'types',
    args: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'],
    cacheArgs: ['--incremental', '--tsBuildInfoFile', join(CACHE_DIR, 'tsc.json')],
  },
  {
    name: 'types of pages',
    args: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'web/tsconfig.json'],
    cacheArgs: ['--incremental', '--tsBuildInfoFile', join(CACHE_DIR, 'tsc-web.json')],
  },
];

interface Counts {
  readonly passed: number;
  readonly failed: number;
}
interface Ended {
  readonly code: number;
  /** What it printed, when that was kept. */
  readonly output: string;
}

/** The part of vitest's JSON report that is counted. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** What a test file found missing: a line of the file that tests/support/needs.ts writes. */
interface Missing {
  readonly what: string;
  readonly get: string;
}

const isStrict = process.env['THIMBLE_TEST_STRICT'] === '1';

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  await buildStep();
  await pullForTests();
  const isWhole = args.length === 0;
  if (isWhole || args.some((arg) => arg.includes('clients'))) await installPythonClients();
  const checks = isWhole ? runChecks() : [];
  const tests = await runVitest(args, isWhole);
  const counts = [tests, ...(await Promise.all(checks)).map(printCheck)];
  const sum = (pick: (count: Counts) => number) => counts.reduce((n, one) => n + pick(one), 0);
  const failed = sum((count) => count.failed);
  process.stdout.write(`${sum((count) => count.passed)} passed, ${failed} failed\n`);
  if (failed > 0) process.exitCode = 1;
}

/** Without Python the tests that need it say so; the others still run. */
async function installPythonClients(): Promise<void> {
  if (findVenv(PYTHON_REQUIREMENTS) !== null) return;
  try {
    await runStep('pip', async ({ onProgress }) => {
      await installVenv(PYTHON_REQUIREMENTS, { onProgress });
      return { text: 'the clients in Python are in the cache', value: null };
    });
  } catch (error) {
    process.stderr.write(`${errorToRecord(error).message}\n`);
  }
}

/** Without a file the tests that need it say so; the others still run. */
async function pullForTests(): Promise<void> {
  for (const id of TEST_MODEL_IDS) {
    try {
      await runStep('pull', async ({ onProgress, note }) => {
        const onSource = (source: string, failure: string | null) =>
          note(failure === null ? `trying ${source}` : `  failed: ${failure}`);
        const { bytes } = await pullModel(id, { onProgress, onSource });
        return { text: `${id}: ${formatBytes(bytes)} in the cache`, value: null };
      });
    } catch (error) {
      process.stderr.write(`${errorToRecord(error).message}\n`);
    }
  }
}

interface CheckResult extends Ended {
  readonly name: string;
}

/** One after the other, beside the tests: each keeps one core busy. Printed when the tests are done. */
function runChecks(): Promise<CheckResult>[] {
  mkdirSync(CACHE_DIR, { recursive: true });
  let before: Promise<unknown> = Promise.resolve();
  return CHECKS.map(({ name, args, cacheArgs }) => {
    const mine = before.then(async () => ({
      name,
      ...(await runNode([...args, ...(isStrict ? [] : cacheArgs)], { isKept: true })),
    }));
    before = mine;
    return mine;
  });
}

function printCheck({ name, code, output }: CheckResult): Counts {
  process.stdout.write(output);
  process.stderr.write(`${name.padEnd(10)}${code === 0 ? 'ok' : 'FAILED (above is why)'}\n`);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function runVitest(args: readonly string[], isWhole: boolean): Promise<Counts> {
  const dir = mkdtempSync(join(tmpdir(), 'thimble-test-'));
  const reportPath = join(dir, 'report.json');
  const missingPath = join(dir, 'missing.jsonl');
  const drop = () => rmSync(dir, { recursive: true, force: true });
  const forget = onInterrupt(drop);
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
    const { code } = await runNode(
      ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args],
      // Half of what a short `thimble` process does is compiling what the one before it compiled.
      { env: { THIMBLE_TEST_MISSING: missingPath, NODE_COMPILE_CACHE: join(CACHE_DIR, 'node') } },
    );
    if (!existsSync(reportPath)) return { passed: 0, failed: 1 };
    const report = JSON.parse(readFileSync(reportPath, 'utf8')) as VitestReport;
    // Among some files, tests may be left out by their names.
    const nSkipped = isWhole ? printSkipped(report) : 0;
    printMissing(missingPath);
    return countTests(report, code, isStrict ? nSkipped : 0);
  } finally {
    forget();
    drop();
  }
}

/** Names every test that did not run; how many there are. */
function printSkipped({ testResults }: VitestReport): number {
  const names = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName }) => `  ${name.replace(`${repoRoot}/`, '')}: ${fullName}`),
  );
  if (names.length > 0) process.stdout.write(`${names.length} skipped:\n${names.join('\n')}\n`);
  return names.length;
}

/** What the skipped tests lack, and the command or package that gets it. */
function printMissing(path: string): void {
  if (!existsSync(path)) return;
  for (const line of new Set(readFileSync(path, 'utf8').trimEnd().split('\n'))) {
    const { what, get } = JSON.parse(line) as Missing;
    process.stdout.write(`missing: ${what}\n  ${get}\n`);
  }
}

function countTests(report: VitestReport, code: number, nSkipped: number): Counts {
  // A file that could not even be loaded has no tests to count.
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles + nSkipped;
  // An error outside of any test (an unhandled rejection) fails the run as well.
  return { passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}

/** Runs a script of Node's; its output is shown at once, or kept. */
function runNode(
  args: readonly string[],
  { isKept = false, env = {} }: { isKept?: boolean; env?: Readonly<Record<string, string>> },
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: repoRoot,
      env: { ...process.env, ...env },
      stdio: isKept ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (part: string) => (output += part));
    const forget = onInterrupt(() => void child.kill('SIGINT'));
    child.on('error', (error) => resolve({ code: 1, output: `${error.message}\n` }));
    child.on('close', (code) => {
      forget();
      resolve({ code: code ?? 1, output });
    });
  });
}

await runMain(main);
