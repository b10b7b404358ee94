/** `thimble inspect`: the parts of an imported model, and whether it fits one isolate or needs several. */
import { join } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { modelFiles } from '../../engine/manifest/manifest.ts';
import type {
  DecoderManifest,
  Manifest,
  RecognitionManifest,
  TensorRow,
  WeightedManifest,
} from '../../engine/manifest/manifest.ts';
import { planMemory } from '../../engine/model/decoder/plan.ts';
import { ISOLATE_BYTES } from '../../engine/model/memory/budget.ts';
import { planRecognition } from '../../engine/model/recognition/plan.ts';
import { modelsDir } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import { readImported } from '../push/push.ts';

interface InspectFlags {
  readonly json?: boolean;
  readonly tensors?: boolean;
  readonly ctx?: string;
}

const EXAMPLES = `
Examples:
  thimble inspect smollm2-135m-instruct
  thimble inspect smollm2-135m-instruct --tensors
  thimble inspect smollm2-135m-instruct --ctx 1024 --json
`;

export function register(program: Command): void {
  program
    .command('inspect <id>')
    .summary('show a model: tensors, types, sizes, memory, licence')
    .description(
      'Shows an imported model: configuration, tensors and types, shards, memory plan, licence.',
    )
    .option('--tensors', 'list every tensor')
    .option('--ctx <tokens>', 'context length to plan memory for')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (id: string, flags: InspectFlags) => {
      const { manifest } = await readImported(join(modelsDir(), id), id);
      if (manifest.kind !== 'decoder') {
        process.stdout.write(
          flags.json ? `${JSON.stringify(manifest)}\n` : describeOther(manifest),
        );
        return;
      }
      const facts = inspect(manifest, flags.ctx);
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ ...facts, tensors: manifest.tensors, shards: manifest.shards })}\n`
          : describe(manifest, facts, flags.tensors === true),
      );
    });
}

interface DtypeFacts {
  readonly dtype: string;
  readonly sourceDtype: string;
  tensors: number;
  exactTensors: number;
  weights: number;
  bytes: number;
}

/** Any other kind of model: what every manifest has. */
function describeOther(manifest: Manifest): string {
  const { id, name, kind, licence, source, createdAt } = manifest;
  const files = modelFiles(manifest);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const lines = [
    `${id}: ${name}`,
    `  kind          ${kind}`,
    `  licence       ${licence === '' ? 'not stated by the file' : licence}`,
    `  source        ${source}`,
    `  imported      ${createdAt}`,
    `  files         ${files.length}, ${formatBytes(bytes)}`,
    ...(manifest.kind === 'recognition' ? recognitionLines(manifest) : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Shape and memory of a recogniser. */
function recognitionLines(manifest: RecognitionManifest): string[] {
  const { config: c, architecture, preset } = manifest;
  const plan = planRecognition(manifest, { memoryBudgetBytes: null });
  const { weights, crossPages, selfPages } = plan.regions;
  const fits = plan.totalBytes <= ISOLATE_BYTES ? 'fits' : `DOES NOT FIT (${smallerThan(preset)})`;
  const languages = c.isMultilingual ? `${c.tokens.languages.length} languages` : 'English';
  return [
    `  architecture  ${architecture}: ${c.nAudioLayer} layers over ${c.nMels} bands, ${c.nTextLayer} layers over text, ` +
      `width ${c.nEmbd}, ${c.nHead} heads, ${languages}, preset ${preset}`,
    `  memory        ${formatBytes(plan.totalBytes)} of ${formatBytes(ISOLATE_BYTES)}: ${fits}`,
    `    weights ${formatBytes(weights.bytes)}, cache ${formatBytes(crossPages.bytes + selfPages.bytes)}, ` +
      `JavaScript ${formatBytes(plan.jsHeapBytes)}`,
  ];
}

/** Recognition models run in one isolate. */
function smallerThan(preset: string): string {
  return preset === 'lossless' ? 'try --preset edge' : 'use a smaller model';
}

/** The facts of a manifest that both forms of output show. */
function inspect(manifest: DecoderManifest, ctx: string | undefined) {
  const { id, name, architecture, preset, licence, source, sourceSha256, createdAt, config } =
    manifest;
  const bytes = manifest.shards.reduce((sum, shard) => sum + shard.bytes, 0);
  return {
    ...{ id, name, architecture, preset, licence, source, sourceSha256, createdAt, config },
    tokenizer: manifest.tokenizer,
    hasChatTemplate: manifest.chatTemplate !== null,
    bytes,
    dtypes: countDtypes(manifest),
    memory: planFacts(manifest, ctx),
  };
}

/** Plans without a limit, so that a plan that is too large can be shown as well. */
function planFacts(manifest: DecoderManifest, ctx: string | undefined) {
  const nCtx = ctx === undefined ? {} : { nCtx: readCtx(ctx) };
  const plan = planMemory(manifest, { ...nCtx, memoryBudgetBytes: null });
  const { weights, kvPages, kernels } = plan.regions;
  return {
    nCtx: plan.nCtx,
    weightBytes: weights.bytes,
    kvBytes: kvPages.bytes,
    kernelBytes: kernels.bytes,
    activationBytes: plan.wasmBytes - weights.bytes - kvPages.bytes - kernels.bytes,
    jsHeapBytes: plan.jsHeapBytes,
    totalBytes: plan.totalBytes,
    budgetBytes: ISOLATE_BYTES,
    fits: plan.totalBytes <= ISOLATE_BYTES,
  };
}

function readCtx(text: string): number {
  const tokens = Number(text);
  if (Number.isInteger(tokens) && tokens > 0) return tokens;
  throw new EngineError(
    'E_USAGE',
    `inspect: --ctx '${text}'; expected a whole number of tokens from 1.`,
  );
}

/** Tensors by their types; slices of a matrix count as the one tensor they are. */
function countDtypes(manifest: WeightedManifest): DtypeFacts[] {
  const rows = new Map<string, DtypeFacts>();
  for (const slices of Map.groupBy(manifest.tensors, ({ name }) => name).values()) {
    const { dtype, sourceDtype } = slices[0]!;
    const key = `${sourceDtype} ${dtype}`;
    const row = rows.get(key) ?? {
      dtype,
      sourceDtype,
      tensors: 0,
      exactTensors: 0,
      weights: 0,
      bytes: 0,
    };
    row.tensors += 1;
    row.exactTensors += slices.every(({ exact }) => exact) ? 1 : 0;
    row.weights += slices.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
    row.bytes += slices.reduce((sum, { bytes }) => sum + bytes, 0);
    rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => b.bytes - a.bytes);
}

function describe(
  manifest: DecoderManifest,
  facts: ReturnType<typeof inspect>,
  withTensors: boolean,
): string {
  const { config: c, memory: m } = facts;
  const weights = facts.dtypes.reduce((sum, row) => sum + row.weights, 0);
  const nTensor = facts.dtypes.reduce((sum, row) => sum + row.tensors, 0);
  const lines = [
    `${facts.id}: ${facts.name}`,
    `  licence       ${facts.licence === '' ? 'not stated by the file' : facts.licence}`,
    `  source        ${facts.source}${facts.sourceSha256 === null ? '' : ` (SHA-256 ${facts.sourceSha256})`}`,
    `  imported      ${facts.createdAt}, preset ${facts.preset}`,
    `  architecture  ${facts.architecture}: ${c.nLayer} layers, width ${c.nEmbd}, ${c.nHead} heads ` +
      `(${c.nKvHead} for keys and values) of ${c.headDim}, ffn ${c.nFf}, context ${c.nCtx}`,
    `  vocabulary    ${c.nVocab} tokens, ${c.tiedHead ? 'head tied to the embedding' : 'head of its own'}, ` +
      `${facts.hasChatTemplate ? 'with' : 'without'} chat template`,
    ...familyLines(c),
    `  weights       ${(weights / 1e6).toFixed(1)} M in ${nTensor} tensors, ` +
      `${formatBytes(facts.bytes)} in ${manifest.shards.length} shards`,
    ...facts.dtypes.map(
      (row) =>
        `    ${row.sourceDtype.padEnd(7)}-> ${row.dtype.padEnd(5)}${String(row.tensors).padStart(4)} tensors ` +
        `${formatBytes(row.bytes).padStart(9)}, ${row.exactTensors} exact`,
    ),
    `  memory        ${formatBytes(m.totalBytes)} of ${formatBytes(m.budgetBytes)} with ${m.nCtx} tokens of context: ${fitText(facts.id, m)}`,
    `    weights ${formatBytes(m.weightBytes)}, cache ${formatBytes(m.kvBytes)}, ` +
      `activations ${formatBytes(m.activationBytes)}, kernels ${formatBytes(m.kernelBytes)}, ` +
      `JavaScript ${formatBytes(m.jsHeapBytes)}`,
  ];
  if (withTensors) lines.push(...manifest.tensors.map(tensorLine));
  return `${lines.join('\n')}\n`;
}

/** Whether one isolate holds the model, and what to do if not. */
function fitText(id: string, m: ReturnType<typeof planFacts>): string {
  if (m.fits) return 'fits';
  const several = `needs several isolates: thimble plan ${id}`;
  return m.totalBytes - m.kvBytes <= m.budgetBytes ? `${several}, or a smaller --ctx` : several;
}

/** What only some families have, and how positions are encoded. */
function familyLines(c: DecoderManifest['config']): string[] {
  const rotary =
    `rotary        theta ${c.ropeTheta}, ${c.ropeDim} values, ${c.ropePairing} pairs, ` +
    `scaling ${c.ropeScaling.kind}`;
  const lines = [c.ropeDim === 0 ? `positions     learned, ${c.nCtx}` : rotary];
  if (c.nExpert !== undefined)
    lines.push(`experts       ${c.nExpert}, ${c.nExpertUsed ?? 0} for each token`);
  const windows = (c.windows ?? []).filter((nToken) => nToken > 0);
  if (windows.length > 0)
    lines.push(
      `windows       ${windows[0]} tokens in ${windows.length} of ${c.nLayer} layers` +
        (c.localRopeTheta === undefined ? '' : `, theta ${c.localRopeTheta} there`),
    );
  return lines.map((line) => `  ${line}`);
}

function tensorLine(tensor: TensorRow): string {
  const { dtype, shape, firstRow, bytes, shard, exact } = tensor;
  const name = firstRow === undefined ? tensor.name : `${tensor.name} from row ${firstRow}`;
  const size = formatBytes(bytes).padStart(9);
  return `  ${name.padEnd(24)}${dtype.padEnd(5)}${shape.join(' x ').padEnd(14)}${size}  shard ${shard}${exact ? '' : '  rounded'}`;
}
