/** What a model answers before and after it was fine-tuned, by the engine that will serve it. */
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import { roundUp } from '../../engine/base/dtypes.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { AdapterPair, AdapterTensors } from '../../engine/model/decoder/adapters.ts';
import type { AdapterHandle } from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { loadDecoder } from '../../engine/model/decoder/load-decoder.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { kvGeometry } from '../../engine/cache/geometry.ts';
import { defaultKvDtype } from '../../engine/model/decoder/plan.ts';
import { prefixBytes } from '../../engine/model/decoder/prefix-pages.ts';
import { moduleName } from '../../engine/train/adapter/plan.ts';
import { rowOfHalves } from '../../engine/train/adapter/unpack.ts';
import { loadKernelModules } from '../node-host/kernels.ts';
import type { AdapterTraining } from './adapter-training.ts';
import type { FinetuneConfig } from './config.ts';
import type { Example } from './encode.ts';
import { trainedPrefix } from './write-prefix.ts';

export interface BeforeAfter {
  readonly prompt: string;
  readonly before: string;
  readonly after: string;
}

const MAX_TOKENS = 96;
/** Tokens of a prompt that are evaluated: the report shows short ones. */
const MAX_PROMPT_TOKENS = 384;
/** Values of a group, to which the engine pads. */
const GROUP = 8;

/** A prefix as the engine holds it. */
export function asEnginePrefix(
  training: AdapterTraining,
  config: Pick<FinetuneConfig, 'model' | 'prefix'>,
): AdapterTensors {
  const { nPosition, layers } = trainedPrefix(training, config);
  const prefix = { nPosition, layers: new Map(layers.entries()) };
  return { id: 'finetuned', rank: 1, scale: 1, pairs: new Map(), prefix };
}

/** The adapter as the engine holds it: rows of queries and keys in the order of the stored weights. */
export function asEngineAdapter(
  training: AdapterTraining,
  { rank, alpha, targets }: Pick<FinetuneConfig, 'rank' | 'alpha' | 'targets'>,
): AdapterTensors {
  const { config: c } = training.program.plan.base;
  const byName = new Map(training.program.plan.graph.weights.map((one) => [one.name, one]));
  const values = (name: string): Float32Array => training.read(byName.get(name)!).slice();
  const pairs = new Map<string, AdapterPair>();
  for (let i = 0; i < c.nLayer; i++)
    for (const target of targets) {
      const name = moduleName(i, target);
      const b = values(`${name}.lora_B.weight`);
      const isTurned = (target === 'q' || target === 'k') && c.ropePairing === 'adjacent';
      pairs.set(`layers.${i}.${target}Proj`, {
        a: values(`${name}.lora_A.weight`),
        b: isTurned ? reordered(b, rank, rowOfHalves(c.headDim)) : b,
      });
    }
  return { id: 'finetuned', rank, scale: alpha / rank, pairs };
}

function reordered(
  b: Float32Array,
  rank: number,
  storedRow: (row: number) => number,
): Float32Array {
  const out = new Float32Array(b.length);
  for (let row = 0; row < b.length / rank; row++)
    out.set(b.subarray(row * rank, (row + 1) * rank), storedRow(row) * rank);
  return out;
}

export interface SampleOptions {
  readonly source: ModelSource<DecoderManifest>;
  readonly tokenizer: Tokenizer;
  readonly adapter: AdapterTensors;
  readonly invocation: readonly number[] | null;
  readonly examples: readonly Example[];
}

/** Greedy answers to the prompts of some examples. */
export async function writeBeforeAfter(options: SampleOptions): Promise<BeforeAfter[]> {
  const { source, tokenizer, adapter, invocation, examples } = options;
  const nByte = adapterBytes(adapter, source.manifest);
  const modules = await loadKernelModules();
  const { decoder } = await loadDecoder(source, modules, {
    memoryBudgetBytes: null,
    adapterBytes: nByte,
  });
  const handle = decoder.addAdapter(adapter);
  const { eosIds } = source.manifest.tokenizer;
  const samples: BeforeAfter[] = [];
  for (const { prompt, texts } of examples) {
    const asked = (prompt.length === 0 ? [...texts[0]!.tokens.subarray(0, 8)] : prompt).slice(
      -MAX_PROMPT_TOKENS,
    );
    const activeFrom = invocation === null ? 0 : Math.max(0, lastStart(asked, invocation));
    const say = (used: AdapterHandle | null): string =>
      tokenizer.decode(greedy(decoder, asked, eosIds, used, activeFrom));
    samples.push({ prompt: tokenizer.decode(asked), before: say(null), after: say(handle) });
  }
  return samples;
}

/** Bytes of room for an adapter or a prefix in the engine. */
export function adapterBytes(
  { rank, pairs, prefix }: AdapterTensors,
  manifest: DecoderManifest,
): number {
  const kv = kvGeometry(defaultKvDtype(manifest), manifest.config);
  const rows = roundUp(rank, GROUP) / rank;
  return [...pairs.values()].reduce(
    (sum, { a, b }) => sum + roundUp((a.length + b.length) * rows * 4, 64) + 2 * 64 * GROUP,
    prefix === undefined ? 0 : prefixBytes(kv, manifest.config.nLayer, prefix.nPosition),
  );
}

function lastStart(prompt: readonly number[], invocation: readonly number[]): number {
  for (let at = prompt.length - invocation.length; at >= 0; at--)
    if (invocation.every((id, i) => prompt[at + i] === id)) return at;
  return -1;
}

function greedy(
  decoder: Decoder,
  prompt: readonly number[],
  eosIds: readonly number[],
  adapter: AdapterHandle | null,
  activeFrom: number,
): number[] {
  const sequence = new Sequence(new PagePool(decoder.limits.nPage));
  const nPrefix = adapter?.nPrefix ?? 0;
  const nAnswer = Math.min(MAX_TOKENS, decoder.limits.nCtx - nPrefix - prompt.length);
  sequence.reserve(nPrefix + prompt.length + nAnswer);
  let top = -1;
  const read = (inputs: readonly number[], used: AdapterHandle | null): void => {
    for (let at = 0; at < inputs.length; at += decoder.limits.maxRows) {
      const part = inputs.slice(at, at + decoder.limits.maxRows);
      const place = { sequence, inputs: part, slot: 0, logitsFrom: part.length - 1 };
      decoder.forward([{ ...place, adapter: used }], (_part, _index, row) => {
        top = decoder.argmax(row);
      });
    }
  };
  read(prompt.slice(0, activeFrom), null);
  read(prompt.slice(activeFrom), adapter);
  const said: number[] = [];
  while (said.length < nAnswer && !eosIds.includes(top)) {
    said.push(top);
    read([top], adapter);
  }
  return said;
}
