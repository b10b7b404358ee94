/**
 * Writes the Hugging Face folders of the tests' tiny encoder and classifier, for make-tiny-bert.py,
 * make-tiny-classifier.py and make-tiny-late.py, and the encoder's vectors of tokens in its folder `late`.
 *
 *     node tests/golden/make-tiny-bert.ts FOLDER [classifier]
 */
import { join } from 'node:path';
import process from 'node:process';
import { writeTinyClassifier, writeTinyEncoder, writeTinyLate } from '../support/encoders.ts';

const [folder, kind] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: make-tiny-bert.ts FOLDER [classifier]');
if (kind === 'classifier') await writeTinyClassifier(folder);
else {
  await writeTinyEncoder(folder);
  await writeTinyLate(join(folder, 'late'));
}
