/**
 * Whisper from whisper.cpp's files: the same model as from other formats of the same weights, hostile files, and the
 * vocabulary beside that of the real models.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../engine/formats/byte-source.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import type { RecognitionConfig } from '../../../engine/manifest/recognition-config.ts';
import { bytesOfByteLevelPiece } from '../../../engine/text/token-bytes.ts';
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { importModel } from '../../../scripts/import/import-model.ts';
import { rankedTokenizerJson } from '../../../scripts/import/open/ranked-tokens.ts';
import { readWhisperGgml } from '../../../scripts/import/open/read-whisper-ggml.ts';
import { recognitionTokens } from '../../../scripts/import/open/recognition-tokens.ts';
import {
  alignmentHeads,
  suppressedTokens,
  whisperSpecials,
} from '../../../scripts/import/open/whisper-vocabulary.ts';
import { bitFlips, extremes, outcome, truncations, WatchedSource } from '../../support/hostile.ts';
import { temporaryFolder } from '../../support/models.ts';
import { findModelFile } from '../../support/needs.ts';
import { tinyWhisperGgml, writeTinyHf } from '../../support/tiny-whisper.ts';

async function importFile(root: string, data: Uint8Array, preset = 'lossless') {
  const input = join(root, 'ggml-tiny.bin');
  await writeFile(input, data);
  const { manifest } = await importModel({ input, id: 'ggml', preset, outRoot: join(root, 'm') });
  return requireKind(manifest, 'recognition');
}

describe('a file of whisper.cpp', () => {
  it('gives the bytes that a Hugging Face folder of the same weights gives', async () => {
    await using root = await temporaryFolder();
    const input = await writeTinyHf(join(root.path, 'hf'));
    const outRoot = join(root.path, 'm');
    const hf = requireKind(
      (await importModel({ input, id: 'hf', outRoot })).manifest,
      'recognition',
    );
    const ggml = await importFile(root.path, tinyWhisperGgml());
    expect(ggml.shards.map(({ sha256 }) => sha256)).toEqual(hf.shards.map(({ sha256 }) => sha256));
    expect(ggml.tensors).toEqual(hf.tensors);
    const { suppress: _, suppressFirst: _first, alignmentHeads: heads, ...config } = ggml.config;
    expect(hf.config).toMatchObject(config);
    // Not a released size: the upper half of the decoder.
    expect(heads).toEqual([
      [1, 0],
      [1, 1],
    ]);
    const other = await importFile(root.path, tinyWhisperGgml({ seed: 2 })).catch(
      (e) => e as Error,
    );
    expect(other).toMatchObject({ code: 'E_USAGE' });
  });

  it('keeps blocks of quantized files without loss', async () => {
    await using root = await temporaryFolder();
    const { tensors } = await importFile(root.path, tinyWhisperGgml({ dtype: 'Q5_1' }), 'edge');
    const query = tensors.find(({ name }) => name === 'encoder.layers.0.qProj')!;
    expect(query).toMatchObject({ sourceDtype: 'Q5_1', dtype: 'q5m', exact: true });
  });

  it('is refused, and nothing else, when it is cut off or damaged', async () => {
    const data = tinyWhisperGgml();
    // Up to the first tensors' data.
    const head = 14 * 4 + 16 * 201 * 4;
    const seen = new Set<string>();
    const damaged = [
      ...truncations(data, 700, 9001),
      ...bitFlips(data, { count: 300, within: 64, seed: 1 }),
      ...bitFlips(data.slice(), { count: 200, within: head + 2000, seed: 2 }),
      ...extremes(data, 64, 4),
    ];
    for (const bytes of damaged) {
      const source = new WatchedSource(bytes);
      seen.add(await outcome(() => readWhisperGgml(source)));
      expect(source.readBytes).toBeLessThanOrEqual(4 * bytes.length + (1 << 20));
    }
    expect([...seen]).toContain('E_FORMAT_INVALID');
    expect([...seen]).toContain('E_FORMAT_MAGIC');
    expect([...seen].every((code) => /^(ok|E_FORMAT_|E_DTYPE_)/.test(code))).toBe(true);
  });

  it('names the tensor that is missing by the name it has there', async () => {
    await using root = await temporaryFolder();
    const data = tinyWhisperGgml();
    const file = await readWhisperGgml(memorySource('tiny', data));
    const last = file.tensors.at(-1)!;
    const cut = data.slice(0, last.offset - last.name.length - 4 * (3 + last.dims.length));
    await expect(importFile(root.path, cut)).rejects.toThrow(`tensor ${last.name}`);
  });
});

describe('vocabularies in the order of their merges', () => {
  it.each([
    ['a token that is listed twice', [Uint8Array.of(65)], 'listed twice'],
    ['tokens that are too long', longTokens(), 'too long together'],
  ])('refuse %s', (_, more, message) => {
    const bytes = Array.from({ length: 256 }, (__, b) => Uint8Array.of(b));
    expect(() => rankedTokenizerJson([...bytes, ...more], [])).toThrow(message);
    expect(() => rankedTokenizerJson(bytes.slice(1), [])).toThrow('a single byte is no token');
  });

  it('leave a place for special tokens, or are refused', () => {
    expect(whisperSpecials(50_257, 51_866).at(-7)).toEqual({ id: 50_358, content: '<|yue|>' });
    expect(() => whisperSpecials(50_257, 51_000)).toThrow('expected 1 to 100');
  });
});

function longTokens(): Uint8Array[] {
  return Array.from({ length: 2000 }, (_, i) => {
    const token = new Uint8Array(256).fill(97);
    new DataView(token.buffer).setUint32(0, i + 1);
    return token;
  });
}

const REAL = [
  ['whisper-tiny.en', 51_864, { nAudioLayer: 4, nTextLayer: 4, nHead: 6 }, []],
  // Its folder's writer lost the first merge.
  ['whisper-base', 51_865, { nAudioLayer: 6, nTextLayer: 6, nHead: 8 }, ['Ġ t']],
] as const;

describe.each(REAL)('the vocabulary of %s', (id, nVocab, layers, lost) => {
  const file = findModelFile(id);
  it.skipIf(file === null)(
    'gives the tokens and settings of its CTranslate2 folder',
    async () => {
      const folder = dirname(file ?? '');
      const read = async (name: string) =>
        JSON.parse(await readFile(join(folder, name), 'utf8')) as Record<string, never>;
      const json = await read('tokenizer.json');
      const vocab: Record<string, number> = json['model']!['vocab'];
      const pieces = Object.entries(vocab)
        .filter(([piece]) => piece !== '<|endoftext|>')
        .sort((a, b) => a[1] - b[1]);
      const tokens = pieces.map(([piece]) => bytesOfByteLevelPiece(piece));
      const made = rankedTokenizerJson(tokens, whisperSpecials(tokens.length, nVocab));

      const merges: string[] = json['model']!['merges'];
      const ours = (JSON.parse(made) as { model: { merges: string[] } }).model.merges;
      expect(ours).toEqual([...lost, ...merges]);

      const wanted = recognitionTokens(json, nVocab);
      const got = recognitionTokens(JSON.parse(made) as never, nVocab);
      const modern = (config: typeof wanted) => ({
        ...config,
        tokens: {
          ...config.tokens,
          languages: config.tokens.languages.map(({ code, token }) => ({
            code: code === 'iw' ? 'he' : code,
            token,
          })),
        },
      });
      expect(got).toEqual(modern(wanted));

      const settings = await read('config.json');
      const { suppress, suppressFirst } = suppressedTokens(made, got);
      expect(suppress).toEqual(settings['suppress_ids']);
      expect(suppressFirst).toEqual(settings['suppress_ids_begin']);
      const { isMultilingual } = got;
      const heads: RecognitionConfig['alignmentHeads'] = settings['alignment_heads']!;
      expect(alignmentHeads({ ...layers, isMultilingual })).toEqual(heads);

      const facts = { addBos: false, bosId: null, eosIds: [got.tokens.endOfText] };
      const [a, b] = [JSON.stringify(json), made].map((text) => Tokenizer.parse(text, facts));
      for (const text of [' And so, my fellow Americans: ask not', 'Größe 12,5 µm ', '日本語 ♪'])
        expect(b!.encode(text, { special: false })).toEqual(a!.encode(text, { special: false }));
    },
    60_000,
  );
});
