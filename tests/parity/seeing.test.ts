/**
 * Tiny models that see, imported from Hugging Face folders, beside transformers (golden/seeing.json): how pictures are
 * prepared, the tower's rows, the connector's, the prompt's ids and the text model's logits.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromBase64 } from '../../engine/base/base64.ts';
import { TowerEngine } from '../../engine/encode/tower-engine.ts';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import { framedPicture, framedPositions } from '../../engine/generate/picture-frame.ts';
import type { PromptSegment } from '../../engine/generate/prompt.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { PositionInput } from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { ChatTemplate } from '../../engine/text/chat-template.ts';
import type { Picture } from '../../engine/vision/picture.ts';
import { prepareSquares, tileGrid } from '../../engine/vision/prepare-squares.ts';
import { argmax } from '../../scripts/eval/statistics.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { FileModelSource, readTokenizer } from '../../scripts/node-host/model-files.ts';
import { loadLocalTower, type LocalTower } from '../../scripts/node-host/tower.ts';
import { decoderFrom, importedFrom } from '../support/models.ts';
import { IMAGE_ID, SEEING, seededPicture, writeSeeing } from '../support/tiny-seeing.ts';
import type { SeeingName } from '../support/tiny-seeing.ts';

interface Row {
  readonly width: number;
  readonly height: number;
  readonly ids: readonly number[];
  readonly pixels: string;
  readonly tower: string;
  readonly rows: string;
  readonly last: string;
  readonly likeliest: readonly number[];
}
interface Golden {
  readonly ask: string;
  readonly models: Readonly<Record<SeeingName, readonly Row[]>>;
}

const text = await readFile(join(import.meta.dirname, '../golden/seeing.json'), 'utf8');
const golden = JSON.parse(text) as Golden;
/** Sums of floats in another order. Measured: 5e-7 at most. */
const BOUND = 1e-5;
/** The text model keeps keys and values in halves. Measured: 6e-4 at most. */
const LOGITS_BOUND = 1e-3;
const MARK = '\ufdd0';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-seeing-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function unpacked(base64: string): Float32Array {
  return new Float32Array(fromBase64(base64)!.buffer);
}

/** The largest difference, of the largest value. */
function relativeError(ours: Float32Array, theirs: Float32Array): number {
  expect(ours.length).toBe(theirs.length);
  const most = theirs.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  return ours.reduce((worst, x, i) => Math.max(worst, Math.abs(x - theirs[i]!)), 0) / most;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** Colours first, as the tower's convolution reads them. */
function normalised(
  { width, height, rgb }: Picture,
  { mean, deviation }: LocalTower['manifest']['config'],
): Float32Array {
  const out = new Float32Array(rgb.length);
  for (let at = 0; at < rgb.length; at++) {
    const c = at % 3;
    out[c * width * height + Math.floor(at / 3)] = (rgb[at]! - mean[c]!) / deviation[c]!;
  }
  return out;
}

function logitsOf(decoder: Decoder, prompt: readonly PromptSegment[], nEmbd: number) {
  const inputs = prompt.flatMap((segment): PositionInput[] =>
    segment.kind === 'tokens'
      ? [...segment.ids]
      : Array.from({ length: segment.rows.length / nEmbd }, (_, i) => ({
          key: `${i}`,
          values: segment.rows.subarray(i * nEmbd, (i + 1) * nEmbd),
        })),
  );
  const sequence = new Sequence(new PagePool(decoder.limits.nPage));
  sequence.reserve(inputs.length);
  const rows: Float32Array[] = [];
  for (let start = 0; start < inputs.length; start += decoder.limits.maxRows) {
    const part = inputs.slice(start, start + decoder.limits.maxRows);
    const visit = (_: number, i: number, row: number) => {
      rows[start + i] = decoder.logits(row).slice();
    };
    decoder.forward([{ inputs: part, sequence, slot: 0, logitsFrom: 0, adapter: null }], visit);
  }
  return rows;
}

describe.each(Object.keys(SEEING) as SeeingName[])('%s', (name) => {
  let decoder: Decoder;
  let manifest: DecoderManifest;
  let local: LocalTower;
  let folder = '';
  beforeAll(async () => {
    const input = await writeSeeing(join(root, name), SEEING[name]());
    ({ decoder } = await decoderFrom(input, 'lossless'));
    ({ manifest, folder } = await importedFrom(input, 'lossless', 'decoder'));
    local = await loadLocalTower('test-tower', dirname(folder));
  });

  const squaresOf = (picture: Picture) => {
    const { preparation, side } = local.manifest.config;
    return prepareSquares(picture, preparation, side);
  };

  test.each(golden.models[name])('a picture of $width x $height', async (row) => {
    const { config } = local.manifest;
    const picture = seededPicture(row.width, row.height);
    const { tiles, whole } = squaresOf(picture);
    const grid = tileGrid(picture, config.preparation, config.side);
    expect(grid).toEqual({ nRow: tiles.length, nColumn: tiles[0]?.length ?? 0 });
    const squares = [...tiles.flat(), whole];
    const pixels = joined(squares.map((square) => normalised(square, config)));
    const theirs = unpacked(row.pixels);
    expect(pixels.length).toBe(theirs.length);
    for (const [i, value] of pixels.entries()) expect(value).toBeCloseTo(theirs[i]!, 3);

    const looked: Float32Array[] = [];
    for (const { rgb } of squares) looked.push(await local.engine.look(rgb));
    expect(relativeError(joined(looked), unpacked(row.tower))).toBeLessThan(BOUND);

    const show = async ({ rgb }: Picture) => {
      const rows = await local.engine.show(rgb);
      return { kind: 'rows', rows, hash: 'x' } as const;
    };
    const shown = {
      tiles: await Promise.all(tiles.map((line) => Promise.all(line.map(show)))),
      whole: await show(whole),
    };
    const all = [...shown.tiles.flat(), shown.whole].map(({ rows }) => rows);
    expect(relativeError(joined(all), unpacked(row.rows))).toBeLessThan(BOUND);

    const { sight, config: text } = manifest;
    const tokenizer = await readTokenizer(folder, manifest);
    const rendered = new ChatTemplate(manifest.chatTemplate).render(
      [{ role: 'user', content: MARK + golden.ask }],
      {
        ...{ bosToken: '', eosToken: tokenizer.literalOf(manifest.tokenizer.eosIds[0]) },
        ...{ specialLiterals: tokenizer.specialLiterals, marks: { image: MARK } },
      },
    );
    const ids = tokenizer.encodeTemplate(rendered.text.replace(MARK, '<image>'), rendered.sentinel);
    const at = ids.indexOf(IMAGE_ID);
    const frame = framedPicture(sight!, shown);
    const prompt: PromptSegment[] = [
      { kind: 'tokens', ids: ids.slice(0, at) },
      ...frame,
      { kind: 'tokens', ids: ids.slice(at + 1) },
    ];
    const asIds = prompt.flatMap((segment) =>
      segment.kind === 'tokens'
        ? segment.ids
        : Array.from({ length: segment.rows.length / text.nEmbd }, () => IMAGE_ID),
    );
    expect(asIds).toEqual(row.ids);
    expect(framedPositions(sight!, grid.nRow, grid.nColumn)).toBe(asIds.length - ids.length + 1);

    const logits = logitsOf(decoder, prompt, text.nEmbd);
    expect(relativeError(logits.at(-1), unpacked(row.last))).toBeLessThan(LOGITS_BOUND);
    expect(logits.map((one) => argmax(one))).toEqual(row.likeliest);
  });
});

test('the comparison bites: an activation that is a little off is noticed', async () => {
  const input = await writeSeeing(join(root, 'bent'), SEEING.idefics3());
  const { folder } = await importedFrom(input, 'lossless', 'decoder');
  const [row] = golden.models.idefics3;
  const { tiles } = prepareSquares(
    seededPicture(row!.width, row!.height),
    { kind: 'tiles', filter: 'lanczos', longestEdge: 32 },
    16,
  );
  const towerFolder = join(dirname(folder), 'test-tower');
  const { manifest } = await loadLocalTower('test-tower', dirname(folder));
  const theirs = unpacked(row!.rows).subarray(0, 4 * 40);
  const errorOf = async (ffn: 'gelu-tanh' | 'gelu-quick') => {
    const config = { ...manifest.config, ffn };
    const source = new FileModelSource(towerFolder, { ...manifest, config });
    const engine = await TowerEngine.load(source, await loadKernelModules());
    return relativeError(await engine.show(tiles[0]![0]!.rgb), theirs);
  };
  expect(await errorOf('gelu-tanh')).toBeLessThan(BOUND);
  expect(await errorOf('gelu-quick')).toBeGreaterThan(100 * BOUND);
});
