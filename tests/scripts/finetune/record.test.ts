/** What an adapter was measured on, part by part. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PEFT_CONFIG_FILE, PEFT_WEIGHTS_FILE } from '../../../engine/adapters/peft.ts';
import {
  adapterHashes,
  addToRecord,
  readRecord,
} from '../../../scripts/finetune/measure/record.ts';
import { hashFile } from '../../../scripts/lib/hash-file.ts';
import { temporaryFolder } from '../../support/models.ts';

test('measurements are put together, and those of other weights go', async () => {
  await using folder = await temporaryFolder();
  const write = (name: string, text: string) => writeFile(join(folder.path, name), text);
  await write(PEFT_CONFIG_FILE, '{}');
  await write(PEFT_WEIGHTS_FILE, 'one');
  await write('rows.jsonl', '{}');
  const rows = join(folder.path, 'rows.jsonl');
  const add = (part: string, n: number) => addToRecord(folder.path, part, [rows], { n });
  await add('captions', 1);
  await add('questions', 2);
  await add('captions', 3);
  const sha256 = await hashFile(rows);
  expect(await readRecord(folder.path)).toEqual({
    files: await adapterHashes(folder.path),
    data: { 'captions: rows.jsonl': sha256, 'questions: rows.jsonl': sha256 },
    report: { captions: { n: 3 }, questions: { n: 2 } },
  });
  await write(PEFT_WEIGHTS_FILE, 'two');
  await add('questions', 4);
  const { files, report } = await readRecord(folder.path);
  expect(files).toEqual(await adapterHashes(folder.path));
  expect(report).toEqual({ questions: { n: 4 } });
});
