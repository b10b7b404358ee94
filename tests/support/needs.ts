/**
 * What a suite needs that is not part of the repository or its packages: a model's file, a browser, a recording,
 * another program. Where it is missing the suite is skipped and `npm test` prints how to get it; in a strict run
 * (THIMBLE_TEST_STRICT=1, what CI sets) the suite fails. Tests download nothing.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Browser } from 'playwright-core';
import { launchChromium } from '../../scripts/lib/chromium.ts';
import { cacheDir, repoRoot } from '../../scripts/lib/paths.ts';
import { findCatalogueEntry } from '../../scripts/pull/catalogue.ts';
import { findPip } from '../../scripts/pull/packages.ts';
import { findPython, findVenv } from '../../scripts/pull/venv.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Tells that something is missing: `what`, and the command or package that gets it.
 * @throws {Error} in a strict run.
 */
export function reportMissing(what: string, get: string, env: Env = process.env): null {
  if (env['THIMBLE_TEST_STRICT'] === '1') throw new Error(`missing: ${what}. ${get}`);
  const path = env['THIMBLE_TEST_MISSING'];
  if (path === undefined) console.warn(`skipped; missing: ${what}. ${get}`);
  else appendFileSync(path, `${JSON.stringify({ what, get })}\n`);
  return null;
}

/** The first file of a model of the catalogue, or null when nobody pulled it. */
export function findModelFile(id: string): string | null {
  return modelPath(id) ?? reportMissing(`the file of model ${id}`, `Run: thimble pull ${id}`);
}

/**
 * The same for suites without which a run says little.
 * @throws {Error} when it is missing.
 */
export function requireModelFile(id: string): string {
  const path = modelPath(id);
  if (path !== null) return path;
  throw new Error(`missing: the file of model ${id}. Run: thimble pull ${id}`);
}

function modelPath(id: string): string | null {
  const { files } = findCatalogueEntry(id);
  const paths = files.map(({ name }) => join(cacheDir(), 'models', id, name));
  return paths.every((path) => existsSync(path)) ? paths[0]! : null;
}

/**
 * The 11 s of speech-jfk/jfk.wav (public domain): in the folder THIMBLE_TEST_DATA, or in
 * shared/data beside the repository; null where it is not.
 */
export function findRecording(): string | null {
  const path = testDataPath('speech-jfk/jfk.wav');
  if (existsSync(path)) return path;
  return reportMissing(
    'the recording speech-jfk/jfk.wav',
    'Put the first 11 s of the inaugural address of 1961, mono at 16 kHz, there, and set THIMBLE_TEST_DATA to the folder that holds speech-jfk/.',
  );
}

function testDataPath(name: string): string {
  return join(process.env['THIMBLE_TEST_DATA'] ?? join(repoRoot, '../shared/data'), name);
}

/**
 * A file of a public data set, in the same folder as the recording; null where it is not.
 * @param source where it is from, for who wants the tests to have it
 */
export function findTestData(name: string, source: string): string | null {
  const path = testDataPath(name);
  if (existsSync(path)) return path;
  return reportMissing(
    `the data ${name}`,
    `Get it (${source}) and set THIMBLE_TEST_DATA to the folder that holds ${name}.`,
  );
}

/** A browser with these flags, or null when none starts. */
export async function findBrowser(flags: readonly string[] = []): Promise<Browser | null> {
  try {
    return await launchChromium(flags);
  } catch (error) {
    const get = 'Run: npm ci (the package @sparticuz/chromium), or set CHROMIUM to its path.';
    return reportMissing('Chromium', `${get} ${String(error)}`);
  }
}

/** Whether a Python with pip is there, which brings models that are published as wheels. */
export async function hasPip(): Promise<boolean> {
  try {
    await findPip();
    return true;
  } catch (error) {
    reportMissing(
      'Python 3 with pip',
      `Install them: apt-get install python3-pip. ${String(error)}`,
    );
    return false;
  }
}

/** Whether a Python is there that can make environments. */
export async function hasPython(): Promise<boolean> {
  try {
    await findPython();
    return true;
  } catch (error) {
    reportMissing('Python 3.10 or later with venv and pip', String(error));
    return false;
  }
}

/** The Python that has the packages of a requirements file, which `npm test` installs; null where it is missing. */
export async function findPythonWith(requirements: string): Promise<string | null> {
  if (!(await hasPython())) return null;
  const get = 'Run: npm test, which installs them into an environment of their own.';
  return findVenv(requirements) ?? reportMissing(`the Python packages of ${requirements}`, get);
}
