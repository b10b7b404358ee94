import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheDir, dataDir, modelsDir, stateDir } from '../../../scripts/lib/paths.ts';

test('XDG folders, with their defaults', () => {
  expect(cacheDir({})).toBe(join(homedir(), '.cache', 'thimble'));
  expect(dataDir({})).toBe(join(homedir(), '.local', 'share', 'thimble'));
  expect(cacheDir({ XDG_CACHE_HOME: '/c' })).toBe('/c/thimble');
  expect(modelsDir({ XDG_DATA_HOME: '/d' })).toBe('/d/thimble/models');
});

test('a relative XDG folder is ignored, as the specification says', () => {
  expect(cacheDir({ XDG_CACHE_HOME: 'c' })).toBe(join(homedir(), '.cache', 'thimble'));
});

test('THIMBLE_HOME holds everything', () => {
  const env = { THIMBLE_HOME: '/t', XDG_CACHE_HOME: '/c', XDG_DATA_HOME: '/d' };
  expect([cacheDir(env), modelsDir(env), stateDir(env)]).toEqual([
    '/t/cache',
    '/t/data/models',
    '/t/data/state',
  ]);
});
