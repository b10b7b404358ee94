/** The one table of families: found by kind and name, and by what files call them. */
import { expect, it } from 'vitest';
import { familyByName, familyFileNames, familyOfFile } from '../../engine/archs/index.ts';
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
  expect(() => familyByName('encoder', 'llama')).toThrow('known are bert.');
});

it.each<Naming>(['gguf', 'hf', 'ct2'])('no two families share a name in files of %s', (naming) => {
  const names = familyFileNames(naming);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(0);
});
