/** The committed small model: its files are those of its record, small enough, and it answers as the record says. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { modelFiles } from '../../../engine/manifest/manifest.ts';
import { importEmbedded } from '../../../scripts/dev/embedded.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { loadLocalModel } from '../../../scripts/node-host/engine.ts';
import { MINI_MODEL_ID } from '../../../scripts/pull/catalogue.ts';
import { readMiniConfig } from '../../../scripts/train/mini/config.ts';
import { hashesOf, type MiniRecord, RECORD_FILE } from '../../../scripts/train/mini/record.ts';
import { engineScores } from '../../../scripts/train/mini/served.ts';
import { openSources } from '../../../scripts/train/mini/sources/index.ts';
import { openVocabulary } from '../../../scripts/train/mini/vocabulary.ts';

const ASSETS = join(repoRoot, 'assets/mini');
const MAX_BYTES = 4 * 1024 * 1024;
/** Examples of each source that are asked here; the record has more. */
const N_ASKED = 40;
/** Parts by which so few may differ: three standard deviations of a half right of 80. */
const MARGIN = 0.17;

const record = JSON.parse(await readFile(join(ASSETS, RECORD_FILE), 'utf8')) as MiniRecord;
const config = await readMiniConfig(join(ASSETS, 'config.json'));

test('hashes are those of the record, and the model is small', async () => {
  expect(await hashesOf(ASSETS, MINI_MODEL_ID)).toEqual(record.files);
  expect(record.seed).toBe(config.seed);
  const text = await readFile(join(ASSETS, 'model/manifest.json'), 'utf8');
  const manifest = JSON.parse(text) as Parameters<typeof modelFiles>[0];
  const bytes = modelFiles(manifest).reduce((sum, file) => sum + file.bytes, 0);
  expect(bytes).toBeLessThan(MAX_BYTES);
  expect(record.weights).toBeGreaterThan(1_500_000);
  expect(record.weights).toBeLessThan(4_000_000);
  const [own, used] = ['tokenizer.json', 'model/tokenizer.json'].map((name) => record.files[name]);
  expect(used).toBe(own);
});

test('the engine answers of unseen scenes and dialogues as the record says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'thimble-record-'));
  try {
    await importEmbedded(MINI_MODEL_ID, folder);
    const { engine } = await loadLocalModel(MINI_MODEL_ID, {}, folder);
    const vocabulary = openVocabulary(await readFile(join(ASSETS, 'tokenizer.json'), 'utf8'));
    const paths = { stories: null, easyVqa: null, fsdd: null, voice: null };
    const { sources } = await openSources({ config, vocabulary, paths, cache: folder });
    const found = await engineScores(
      engine,
      vocabulary,
      sources.map(({ source }) => source),
      N_ASKED,
    );
    expect(found.length).toBeGreaterThan(5);
    for (const { source, kind, right, asked } of found) {
      const recorded = record.served.find((one) => one.source === source && one.kind === kind)!;
      const gap = right / asked - recorded.right / recorded.asked;
      expect(Math.abs(gap), kind).toBeLessThan(MARGIN * Math.sqrt(80 / Math.min(asked, 80)));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
