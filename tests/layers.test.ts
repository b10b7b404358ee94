/** The drawing in ARCHITECTURE.md, enforced: who may import whom, no cycles, no Node in the engine. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { repoRoot } from '../scripts/lib/paths.ts';

/** A file imports from its own folder and from lower ranks; folders of one rank may also meet. */
const RANKS: Readonly<Record<string, number>> = {
  'engine/base': 0,
  'engine/audio': 1,
  'engine/formats': 1,
  'engine/grammar': 1,
  'engine/onnx': 1,
  'engine/quant': 1,
  'engine/manifest': 1,
  'engine/text': 1,
  'engine/vision': 1,
  'engine/voice': 1,
  'engine/kernels': 2,
  'engine/ops': 3,
  'engine/cache': 3,
  'engine/archs': 4,
  'engine/model': 5,
  'engine/sample': 6,
  'engine/encode': 6,
  'engine/generate': 6,
  'engine/transcribe': 6,
  worker: 7,
};
/** Compiled by another compiler, for another machine. */
const EXCLUDED = 'engine/kernels/wasm/assembly/';
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"]+)\1/g;

interface SourceFile {
  readonly path: string;
  readonly specifiers: readonly string[];
  readonly runtimeSpecifiers: readonly string[];
}

function readSources(folder: string): SourceFile[] {
  return readdirSync(join(repoRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name))
    .map((entry) => relative(repoRoot, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith(EXCLUDED) && !path.endsWith('.test.ts'))
    .map((path) => {
      const text = readFileSync(join(repoRoot, path), 'utf8');
      return { path, specifiers: readImports(text), runtimeSpecifiers: readRuntimeImports(text) };
    });
}

/** Specifiers of a module's imports and re-exports; those in comments do not count. */
function readImports(text: string): string[] {
  const code = withoutComments(text);
  return [...code.matchAll(IMPORT)].map(([, , specifier]) => specifier ?? '');
}

/** Imports that are there when the program runs: types are erased, and may point back. */
function readRuntimeImports(text: string): string[] {
  return readImports(withoutComments(text).replace(/^(im|ex)port type [^;]*;/gm, ''));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

/** Paths, from the root, of the files of ours that `file` imports. */
function importsOf(file: SourceFile, specifiers = file.specifiers): string[] {
  return specifiers
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(repoRoot, join(repoRoot, dirname(file.path), specifier)))
    .filter((path) => !path.startsWith('dist/') && !path.endsWith('.html'));
}

function roomOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'engine' ? `${first}/${second}` : first;
}

/** What is wrong with one import, or null. */
function judge(from: string, to: string): string | null {
  const [a, b] = [roomOf(from), roomOf(to)];
  const [rankA, rankB] = [RANKS[a], RANKS[b]];
  if (rankA === undefined) return `${from}: ${a} has no rank; add it to tests/layers.test.ts`;
  if (rankB === undefined)
    return `${from} imports ${to}, which lies outside of engine/ and worker/`;
  return rankB > rankA ? `${from} (rank ${rankA}) imports ${to} (rank ${rankB})` : null;
}

/** The first cycle among `files`, as paths in order, or null. */
function findCycle(files: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | null => {
    const at = trail.indexOf(path);
    if (at >= 0) return [...trail.slice(at), path];
    if (done.has(path)) return null;
    for (const next of files.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle !== null) return cycle;
    }
    done.add(path);
    return null;
  };
  for (const path of files.keys()) {
    const cycle = visit(path, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

const sources = [...readSources('engine'), ...readSources('worker')];

test('there is something to judge', () => {
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.flatMap((file) => importsOf(file)).length).toBeGreaterThan(100);
});

test('no file imports upwards', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .map((to) => judge(file.path, to))
      .filter((text) => text !== null),
  );
  expect(wrong).toEqual([]);
});

test('no import leads back to itself', () => {
  const graph = new Map(
    sources.map((file) => [file.path, importsOf(file, file.runtimeSpecifiers)]),
  );
  expect(findCycle(graph)).toBeNull();
});

test('engine and worker import nothing of Node, scripts or tests', () => {
  const wrong = sources.flatMap(({ path, specifiers }) =>
    specifiers.filter((specifier) => specifier.startsWith('node:')).map((s) => `${path}: ${s}`),
  );
  expect(wrong).toEqual([]);
});

test('the judge bites', () => {
  expect(judge('engine/base/errors.ts', 'engine/quant/half.ts')).toContain('rank 0');
  expect(judge('engine/quant/half.ts', 'engine/base/errors.ts')).toBeNull();
  expect(judge('worker/x.ts', 'scripts/x.ts')).toContain('outside');
  expect(
    readImports("import type { A } from './a.ts';\n// from './b.ts'\nawait import('./c.ts')"),
  ).toEqual(['./a.ts', './c.ts']);
  expect(
    findCycle(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['a']],
      ]),
    ),
  ).toEqual(['a', 'b', 'c', 'a']);
  expect(
    findCycle(
      new Map([
        ['a', ['b', 'c']],
        ['b', ['c']],
        ['c', []],
      ]),
    ),
  ).toBeNull();
});
