/**
 * Writes the Hugging Face folders of the tests' tiny models that see, for make-seeing.py.
 *
 *     node tests/golden/make-seeing.ts FOLDER
 */
import { join } from 'node:path';
import process from 'node:process';
import { SEEING, writeSeeing } from '../support/tiny-seeing.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: make-seeing.ts FOLDER');
for (const [name, model] of Object.entries(SEEING)) await writeSeeing(join(folder, name), model());
