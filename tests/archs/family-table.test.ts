/** The one table of families: found by kind and name, and by what files call them. */
import { expect, it } from 'vitest';
import {
  familyByName,
  familyFileNames,
  familyOfFile,
  findPooledFamily,
} from '../../engine/archs/index.ts';
import { isStateful, statefulFamilyOf } from '../../engine/archs/stateful.ts';
import type { Naming } from '../../engine/archs/types.ts';

it.each<[Naming, string, string, string]>([
  ['gguf', 'llama', 'decoder', 'llama'],
  ['gguf', 'bert', 'encoder', 'bert'],
  ['hf', 'qwen3_moe', 'decoder', 'qwen3moe'],
  ['hf', 'bert', 'encoder', 'bert'],
  ['hf', 'whisper', 'recognition', 'whisper'],
  ['ct2', 'WhisperSpec', 'recognition', 'whisper'],
])('files of %s call it %s', (naming, fileName, kind, name) => {
  const found = familyOfFile(naming, fileName);
  expect([found.kind, found.family.name]).toEqual([kind, name]);
});

it('lists what it knows when it does not know a family', () => {
  expect(() => familyOfFile('ct2', 'BertSpec')).toThrow(
    "architecture: 'BertSpec' is not known; known are whisper.",
  );
  expect(() => familyOfFile('gguf', 'whisper')).toThrow(/known are llama, .*, bert\./);
  expect(() => familyByName('encoder', 'llama')).toThrow(
    'known are qwen3-embedding, gemma-embedding, nomic-bert, bert.',
  );
});

it.each<[Naming, string]>([
  ['gguf', 'lfm2'],
  ['gguf', 'qwen35'],
  ['gguf', 'granitehybrid'],
  ['hf', 'nemotron_h'],
  ['hf', 'rwkv7'],
])('says why files of %s that call it %s are refused', (naming, name) => {
  expect(() => familyOfFile(naming, name)).toThrow(
    new RegExp(
      `architecture: '${name}' keeps a state .* not supported yet; known are llama, .* CONTRIBUTING\\.md says how`,
    ),
  );
});

it.each([
  ['lfm2.5-350m', 'lfm2'],
  ['Qwen3.5-0.8B', 'qwen35'],
  ['granite-4.0-h-350m', 'granitehybrid'],
  ['granite-4.0-350m', null],
  ['qwen3-0.6b', null],
])('knows by its name alone that %s is of family %s', (model, family) => {
  expect(statefulFamilyOf(model)).toBe(family);
  expect(family === null || isStateful(family)).toBe(true);
});

it('supports no family that it calls stateful', () => {
  const names = (['gguf', 'hf', 'ct2'] as const).flatMap((naming) => familyFileNames(naming));
  expect(names.filter((name) => isStateful(name))).toEqual([]);
});

it('knows the embedding models among files of a family of decoders', () => {
  expect(findPooledFamily('qwen3')?.name).toBe('qwen3-embedding');
  expect(findPooledFamily('llama')).toBeUndefined();
});

it.each<Naming>(['gguf', 'hf', 'ct2'])('no two families share a name in files of %s', (naming) => {
  const names = familyFileNames(naming);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(0);
});
