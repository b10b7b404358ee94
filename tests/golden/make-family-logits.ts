/**
 * Writes the Hugging Face folder of every family's fixture, for make-family-logits.py.
 *
 *     node tests/golden/make-family-logits.ts FOLDER
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { FAMILY_FIXTURES } from '../support/family-fixtures.ts';
import { FAMILY_TEXT, titleOf, writeFixtureFolder } from '../support/fixture-model.ts';

const root = process.argv[2];
if (root === undefined) throw new Error('usage: make-family-logits.ts FOLDER');
await mkdir(root, { recursive: true });
const models: { title: string; folder: string }[] = [];
for (const [i, fixture] of FAMILY_FIXTURES.entries()) {
  const folder = `${String(i)}-${fixture.family}`;
  await writeFixtureFolder(join(root, folder), fixture);
  models.push({ title: titleOf(fixture), folder });
}
await writeFile(join(root, 'models.json'), JSON.stringify({ text: FAMILY_TEXT, models }));
