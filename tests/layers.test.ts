/**
 * The floors of ARCHITECTURE.md, enforced: who may import whom (types too), no circles, nothing of
 * Node in what runs in an isolate.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { repoRoot } from '../scripts/lib/paths.ts';

/**
 * By folder or file: its rank. The longest prefix of a path counts. A file imports from its own rank
 * and from lower ones.
 */
const RANKS: Readonly<Record<string, number>> = {
  // Bundled by itself for browsers: it imports nothing of ours.
  web: -1,
  'engine/base': 0,
  'engine/audio': 1,
  'engine/data': 1,
  'engine/formats': 1,
  'engine/grammar': 1,
  'engine/manifest': 1,
  'engine/onnx': 1,
  'engine/quant': 1,
  'engine/text': 1,
  'engine/vision': 1,
  'engine/voice': 1,
  'engine/kernels': 2,
  'engine/ops': 3,
  'engine/cache': 3,
  'engine/archs': 4,
  'engine/adapters': 5,
  'engine/model': 5,
  'engine/sample': 5,
  'engine/encode': 6,
  'engine/generate': 6,
  'engine/placement': 6,
  'engine/train': 6,
  'engine/transcribe': 6,
  'worker/platform': 7,
  'worker/stage': 8,
  'worker/audio': 8,
  'worker/documents': 8,
  'worker/onnx': 8,
  'worker/access': 9,
  'worker/serving': 9,
  'worker/http': 10,
  'worker/apis': 11,
  'worker/gateway': 12,
  // For clients anywhere: it imports nothing of ours.
  'package/client': -1,
  'package/templates': -1,
  'package/worker': 13,
  'package/engine': 8,
  'package/engine/node.ts': 24,
  'package/testing': 27,
  'scripts/lib': 20,
  'scripts/build': 21,
  'scripts/pull': 21,
  'scripts/push': 22,
  'scripts/node-host': 23,
  'scripts/eval': 24,
  'scripts/data': 25,
  'scripts/import': 25,
  'scripts/moderation': 25,
  'scripts/train': 25,
  'scripts/finetune': 26,
  'scripts/dev': 26,
  'scripts/backup': 27,
  'scripts/deploy': 27,
  'scripts/init': 27,
  'scripts/attack': 27,
  'scripts/bench': 27,
  'scripts/chaos': 27,
  'scripts/soak': 27,
  'scripts/commands': 28,
  'scripts/thimble.ts': 29,
  'scripts/bin': 29,
};
/** Compiled by another compiler, for another machine. */
const EXCLUDED = 'engine/kernels/wasm/assembly/';
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"]+)\1/g;

interface SourceFile {
  readonly path: string;
  readonly specifiers: readonly string[];
}

function readSources(folder: string): SourceFile[] {
  return readdirSync(join(repoRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name))
    .map((entry) => relative(repoRoot, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith(EXCLUDED) && !/\.d\.m?ts$/.test(path))
    .map((path) => ({ path, specifiers: readImports(readFileSync(join(repoRoot, path), 'utf8')) }));
}

/** Specifiers of a module's imports and re-exports, types included; those in comments do not count. */
function readImports(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(IMPORT)].map(([, , specifier]) => specifier ?? '');
}

/** Paths, from the root, of the source files of ours that `file` imports. */
function importsOf(file: SourceFile): string[] {
  return file.specifiers
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(repoRoot, join(repoRoot, dirname(file.path), specifier)))
    .filter((path) => !path.startsWith('dist/') && /\.m?ts$/.test(path));
}

function rankOf(path: string): number | undefined {
  const parts = path.split('/');
  for (let n = parts.length; n > 0; n--) {
    const rank = RANKS[parts.slice(0, n).join('/')];
    if (rank !== undefined) return rank;
  }
  return undefined;
}

/** What is wrong with one import, or null. */
function judge(from: string, to: string): string | null {
  const [rankFrom, rankTo] = [rankOf(from), rankOf(to)];
  if (rankFrom === undefined) return `${from}: has no rank; add its folder to tests/layers.test.ts`;
  if (rankTo === undefined) return `${from} imports ${to}, which lies on no floor`;
  return rankTo > rankFrom ? `${from} (rank ${rankFrom}) imports ${to} (rank ${rankTo})` : null;
}

/** The first circle among `files`, as paths in order, or null. */
function findCircle(files: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | null => {
    const at = trail.indexOf(path);
    if (at >= 0) return [...trail.slice(at), path];
    if (done.has(path)) return null;
    for (const next of files.get(path) ?? []) {
      const circle = visit(next, [...trail, path]);
      if (circle !== null) return circle;
    }
    done.add(path);
    return null;
  };
  for (const path of files.keys()) {
    const circle = visit(path, []);
    if (circle !== null) return circle;
  }
  return null;
}

const sources = ['web', 'engine', 'worker', 'scripts', 'package'].flatMap(readSources);

test('there is something to judge on every floor', () => {
  expect(sources.length).toBeGreaterThan(500);
  expect(sources.flatMap((file) => importsOf(file)).length).toBeGreaterThan(1000);
  for (const place of Object.keys(RANKS))
    expect(
      sources.some(({ path }) => path.startsWith(place)),
      `${place} is empty`,
    ).toBe(true);
});

test('no file imports upwards, not even a type', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .map((to) => judge(file.path, to))
      .filter((text) => text !== null),
  );
  expect(wrong).toEqual([]);
});

test('no import leads back to itself, not even a type', () => {
  expect(findCircle(new Map(sources.map((file) => [file.path, importsOf(file)])))).toBeNull();
});

test('the pages are imported by nothing: the build makes files of them', () => {
  const outside = sources.filter(({ path }) => !path.startsWith('web/'));
  expect(outside.flatMap(importsOf).filter((path) => path.startsWith('web/'))).toEqual([]);
});

test('engine, worker and pages import nothing of Node', () => {
  const wrong = sources
    .filter(({ path }) => (rankOf(path) ?? 0) < RANKS['scripts/lib']!)
    .flatMap(({ path, specifiers }) =>
      specifiers.filter((specifier) => specifier.startsWith('node:')).map((s) => `${path}: ${s}`),
    );
  expect(wrong).toEqual([]);
});

test('tests lie under tests/', () => {
  expect(sources.filter(({ path }) => path.endsWith('.test.ts')).map(({ path }) => path)).toEqual(
    [],
  );
});

test('the judge bites', () => {
  expect(judge('engine/base/errors.ts', 'engine/quant/half.ts')).toContain('rank 0');
  expect(judge('engine/quant/half.ts', 'engine/base/errors.ts')).toBeNull();
  expect(judge('web/chat/x.ts', 'engine/base/errors.ts')).toContain('rank -1');
  expect(judge('web/chat/x.ts', 'web/docs/x.ts')).toBeNull();
  expect(judge('engine/generate/x.ts', 'worker/platform/x.ts')).toContain('rank 7');
  expect(judge('worker/serving/x.ts', 'worker/http/x.ts')).toContain('rank 10');
  expect(judge('worker/http/x.ts', 'worker/apis/chat/x.ts')).toContain('rank 11');
  expect(judge('worker/apis/chat/x.ts', 'worker/gateway/x.ts')).toContain('rank 12');
  expect(judge('worker/x.ts', 'worker/http/x.ts')).toContain('has no rank');
  expect(judge('worker/http/x.ts', 'scripts/lib/x.ts')).toContain('rank 20');
  expect(judge('scripts/lib/x.ts', 'scripts/dev/x.ts')).toContain('rank 26');
  expect(judge('scripts/dev/x.ts', 'tests/support/x.ts')).toContain('no floor');
  expect(
    readImports("import type { A } from './a.ts';\n// from './b.ts'\nawait import('./c.ts')"),
  ).toEqual(['./a.ts', './c.ts']);
  const circle: [string, string[]][] = [
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['a']],
  ];
  expect(findCircle(new Map(circle))).toEqual(['a', 'b', 'c', 'a']);
  const diamond: [string, string[]][] = [
    ['a', ['b', 'c']],
    ['b', ['c']],
    ['c', []],
  ];
  expect(findCircle(new Map(diamond))).toBeNull();
});
