/**
 * Imports one file under several presets into a temporary folder, and measures each against
 * the file's own precision: size, memory plan, perplexity, divergence, speed.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfAborted } from '../../../engine/base/errors.ts';
import { planMemory } from '../../../engine/model/decoder/plan.ts';
import { ISOLATE_BYTES } from '../../../engine/model/memory/budget.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { loadPassages, tokenWindows } from '../../eval/passages.ts';
import type { Passage } from '../../eval/passages.ts';
import { decodeSpeed, LogitsFile, scoreAgainst, scoreReference } from '../../eval/preset-scores.ts';
import type { ScoreOptions, TextScore } from '../../eval/preset-scores.ts';
import { loadLocalModel } from '../../node-host/engine.ts';
import type { LocalModel } from '../../node-host/engine.ts';
import { percent } from './fit-report.ts';
import { importModel } from '../import-model.ts';
import type { ImportOptions } from '../import-model.ts';

/** A way to import the file, or a model that was imported from it before. */
export interface Variant extends Pick<ImportOptions, 'preset' | 'choose'> {
  /** Name of the row; also the id when the variant is still to be imported. */
  readonly name: string;
  readonly imported?: { readonly manifest: DecoderManifest; readonly modelsRoot: string };
}
export interface VariantRow extends TextScore {
  readonly preset: string;
  /** An earlier preset that yields the same bytes for this file. */
  readonly sameAs: string | null;
  readonly weightBytes: number;
  /** The whole memory plan at `nCtx` positions. */
  readonly planBytes: number;
  readonly nCtx: number;
  readonly fitsIsolate: boolean;
  readonly tokensPerSecond: number;
}
export interface CompareOptions {
  readonly input: string;
  readonly tokenizer?: string;
  /** The first is what the others are compared with. */
  readonly variants: readonly [Variant, ...Variant[]];
  /** A text file instead of the built-in passages. */
  readonly textPath?: string;
  readonly maxTokens: number;
  /** Positions of cache the memory plan is made for. */
  readonly nCtx?: number;
  /** Everything is written below it; the caller removes it. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onStep?: (step: string, done: number, total: number) => void;
}

/** Positions evaluated from an empty context at a time. */
const WINDOW_TOKENS = 512;
const SPEED_PROMPT_TOKENS = 8;

/** @throws {EngineError} what importing and loading throw; E_USAGE for an empty text. */
export async function compareVariants(options: CompareOptions): Promise<VariantRow[]> {
  const { folder, variants, signal } = options;
  const passages = await loadPassages(options.textPath, 'import --compare');
  using logits = new LogitsFile(join(folder, 'logits.bin'));
  const rows: VariantRow[] = [];
  const seen = new Map<string, VariantRow>();
  for (const [i, variant] of variants.entries()) {
    throwIfAborted(signal, 'import --compare: stopped.');
    options.onStep?.(variant.name, i, variants.length);
    const { manifest } = variant.imported ?? (await importVariant(options, variant));
    const key = contentKey(manifest);
    const same = seen.get(key);
    const row =
      same === undefined
        ? await measure(options, variant, manifest, passages, logits, i === 0)
        : { ...same, preset: variant.name, sameAs: same.preset };
    if (same === undefined) seen.set(key, row);
    rows.push(row);
    if (variant.imported === undefined)
      await rm(join(folder, manifest.id), { recursive: true, force: true });
  }
  return rows;
}

async function importVariant(
  options: CompareOptions,
  variant: Variant,
): Promise<{ manifest: DecoderManifest }> {
  const { input, tokenizer, folder, signal } = options;
  const { name, ...how } = variant;
  const { manifest } = await importModel({
    input,
    id: name,
    outRoot: folder,
    signal,
    ...how,
    ...(tokenizer === undefined ? {} : { tokenizer }),
  });
  return { manifest: requireKind(manifest, 'decoder') };
}

/** Equal for manifests that run alike: the same shards, and the same type of cache. */
function contentKey(manifest: DecoderManifest): string {
  const { kv } = planMemory(manifest, { memoryBudgetBytes: null });
  return JSON.stringify([kv.dtype, manifest.shards.map(({ sha256 }) => sha256)]);
}

async function measure(
  options: CompareOptions,
  { name, imported }: Variant,
  manifest: DecoderManifest,
  passages: readonly Passage[],
  logits: LogitsFile,
  isReference: boolean,
): Promise<VariantRow> {
  const { nCtx, folder, signal } = options;
  const plan = planMemory(manifest, {
    memoryBudgetBytes: null,
    ...(nCtx === undefined ? {} : { nCtx }),
  });
  const model = await loadLocalModel(
    manifest.id,
    { nCtx: WINDOW_TOKENS },
    imported?.modelsRoot ?? folder,
  );
  const windows = windowsFor(model, passages, options.maxTokens);
  const score: ScoreOptions = { signal };
  const text = isReference
    ? await scoreReference(model.engine, windows, score, logits)
    : await scoreAgainst(model.engine, windows, score, logits);
  const prompt = windows[0]!.slice(0, SPEED_PROMPT_TOKENS);
  const tokensPerSecond = await decodeSpeed(model.engine, prompt, signal);
  model.engine.close();
  return {
    preset: name,
    sameAs: null,
    weightBytes: manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0),
    planBytes: plan.totalBytes,
    nCtx: plan.nCtx,
    fitsIsolate: plan.totalBytes <= ISOLATE_BYTES,
    ...text,
    tokensPerSecond,
  };
}

/** What a model is measured on: windows of its own context's length at most. */
export function windowsFor(
  { engine, tokenizer, manifest }: LocalModel,
  passages: readonly Passage[],
  maxTokens: number,
): number[][] {
  const window = Math.min(WINDOW_TOKENS, engine.nCtx);
  return tokenWindows(passages, tokenizer, manifest.tokenizer, window, maxTokens);
}

/** A Markdown table, one row a preset. */
export function compareTable(rows: readonly VariantRow[]): string {
  const base = rows[0]!;
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const head = [
    `| preset | weights, MB | plan at ${base.nCtx}, MB | perplexity | change | KL, nats | same top | tok/s |`,
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  const lines = rows.map((row) => {
    const name = row.sameAs === null ? row.preset : `${row.preset} (as ${row.sameAs})`;
    return `| ${[
      name,
      megabytes(row.weightBytes),
      `${megabytes(row.planBytes)}${row.fitsIsolate ? '' : ' (too large)'}`,
      row.perplexity.toFixed(3),
      percent(row.perplexity / base.perplexity - 1),
      row.meanKlNats.toFixed(4),
      `${(row.top1Agreement * 100).toFixed(1)} %`,
      row.tokensPerSecond.toFixed(0),
    ].join(' | ')} |`;
  });
  return [...head, ...lines].join('\n');
}
