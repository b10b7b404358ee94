/**
 * Writes the Hugging Face folder of the tests' tiny encoder, for make-tiny-bert.py.
 *
 *     node tests/golden/make-tiny-bert.ts FOLDER
 */
import process from 'node:process';
import { writeTinyEncoder } from '../support/encoders.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: make-tiny-bert.ts FOLDER');
await writeTinyEncoder(folder);
