/** `thimble import`: a model file, folder or source into the user's models folder. */
import { existsSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import process from 'node:process';
import { Option } from 'commander';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { calibratedPreset } from '../import/precision/calibrated-chooser.ts';
import type { CalibrationWish } from '../import/precision/calibrated-chooser.ts';
import type { ModelAbout } from '../import/write/describe-model.ts';
import { importModel } from '../import/import-model.ts';
import type { ImportResult } from '../import/import-model.ts';
import { importVoice, isVoiceFile } from '../import/voice/import-voice.ts';
import { choosePreset, PRESET_NAMES, PRESETS } from '../import/precision/presets.ts';
import { requantizeWarning } from '../import/precision/requantized.ts';
import { parseBytes, parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { modelsDir } from '../lib/paths.ts';
import { formatBytes, formatSeconds, ProgressLine } from '../lib/progress.ts';
import type { OnProgress } from '../lib/progress.ts';

interface ImportFlags {
  readonly id?: string;
  readonly preset?: string;
  readonly force?: boolean;
  readonly tokenizer?: string;
  readonly json?: boolean;
  readonly fit?: number;
  readonly ctx?: number;
  readonly compare?: boolean;
  readonly measure: boolean;
  readonly text?: string;
  readonly maxTokens: number;
  readonly calibration?: string;
  readonly task?: string;
  readonly dim: ReadonlyMap<string, number>;
}

const EXAMPLES = `
Examples:
  thimble import model.Q4_1.gguf --id my-model
  thimble import model-00001-of-00003.gguf --id my-model        (all parts in one folder)
  thimble import ./SmolLM2-135M-Instruct --id smollm2 --preset edge   (safetensors folder)
  thimble import stories260K.bin --tokenizer tok512.bin --id stories260k
  thimble import smollm2-135m-instruct                          (from the catalogue)
  thimble import hf:org/repo/model.gguf --id my-model --json
  thimble import model.gguf --id my-model --force               (replace a model)
  thimble import model-F16.gguf --id small --fit 128MB --ctx 2048   (types chosen to fit)
  thimble import en-US_ta.bin --id tiny-voice                   (a voice of SVOX Pico)
  thimble import classifier.onnx --id my-graph --dim seq=128    (any graph, run on tensors)
  thimble import model-F16.gguf --compare --text book.txt       (a table of presets, nothing kept)

Presets:
${PRESET_NAMES.map((name) => `  ${name.padEnd(10)}${PRESETS[name].about}`).join('\n')}
`;

export function register(program: Command): void {
  program
    .command('import <source>')
    .summary('turn a model file into shards')
    .description(
      'Reads a GGUF file (v2, v3, split), a Hugging Face safetensors folder or a llama2.c file and ' +
        'writes shards the kernels read as they are. An import that was cut off goes on where it stopped.',
    )
    .option('--id <id>', 'name of the model from now on (lower case; a catalogue id names itself)')
    .option(
      '--preset <preset>',
      `${PRESET_NAMES.join(', ')} (default: the catalogue's, else lossless)`,
    )
    .addOption(
      new Option(
        '--fit <bytes>',
        "choose each tensor's type so that the memory plan stays under so many bytes (128MB)",
      )
        .argParser(parseBytes)
        .conflicts('preset'),
    )
    .option('--ctx <tokens>', 'positions of cache in the memory plan of --fit', parseCount(1))
    .option(
      '--calibration <file>',
      "weigh errors by what thimble calibrate wrote; 'auto' finds what belongs to the file",
    )
    .option('--compare', 'import with every preset in turn, print a table, keep nothing')
    .option('--text <file>', 'measure on this text instead of the built-in passages')
    .option('--max-tokens <n>', 'measure on so many tokens', parseCount(2), 2048)
    .option('--no-measure', 'with --fit: do not measure perplexity after the import')
    .option('--task <task>', 'of an .onnx file: what it is for (docs/onnx.md); tensors by default')
    .option(
      '--dim <name=size>',
      'of an .onnx file: largest size of a named dimension; may be repeated',
      parseDim,
      new Map<string, number>(),
    )
    .option('--tokenizer <file>', 'vocabulary of a llama2.c model (default: tok<N>.bin beside it)')
    .option('--force', 'replace a model of this id')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runImport);
}

async function runImport(source: string, flags: ImportFlags): Promise<void> {
  checkFlags(flags);
  const resolved = await resolveSource(source);
  const warnings: string[] = [];
  const calibration = wishOf(flags, (text) => warnings.push(text));
  if (extname(resolved.path) === '.onnx') return await runOnnxImport(source, resolved, flags);
  if (isVoiceFile(resolved.path)) return await runVoiceImport(source, resolved, flags);
  if (flags.compare === true) return runCompare(resolved, { ...flags, calibration, warnings });
  const id = flags.id ?? resolved.id;
  if (id === undefined) throw noId(source);
  const preset = flags.preset ?? resolved.preset ?? 'lossless';
  const startMs = performance.now();
  const fit =
    flags.fit === undefined
      ? null
      : (await import('../import/precision/measure.ts')).startFit(
          flags.fit,
          flags.ctx,
          calibration,
        );
  const result = await withProgress(`importing ${id}: `, (onProgress) =>
    importModel({
      input: resolved.path,
      id,
      outRoot: modelsDir(),
      about: resolved.about,
      onProgress,
      signal: interruptSignal,
      ...(fit === null ? presetOptions(preset, calibration) : { choose: fit.chooser }),
      ...(flags.force === undefined ? {} : { force: flags.force }),
      ...(flags.tokenizer === undefined ? {} : { tokenizer: flags.tokenizer }),
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const requantized = requantizeWarning(result.manifest);
  if (requantized !== null) warnings.push(requantized);
  showWarnings(warnings);
  const finish = async (onProgress: OnProgress) =>
    fit?.finish(requireKind(result.manifest, 'decoder'), resolved.path, {
      ...flags,
      calibration,
      onProgress,
    });
  const isMeasured = fit !== null && flags.measure;
  const fitted = await (isMeasured ? withProgress('measuring: ', finish) : finish(() => {}));
  const summary = { ...summarize(result, seconds), warnings };
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(fitted === undefined ? summary : { ...summary, fit: fitted.json })}\n`
      : describe(result, seconds) + (fitted === undefined ? '' : `\n${fitted.table}\n`),
  );
}

const MAX_DIM = 2 ** 31 - 1;

function parseDim(text: string, before: ReadonlyMap<string, number>): Map<string, number> {
  const [, name = '', size = ''] = /^(.+)=(\d{1,10})$/.exec(text) ?? [];
  const value = Number(size);
  if (name !== '' && value >= 1 && value <= MAX_DIM) return new Map([...before, [name, value]]);
  throw new EngineError(
    'E_USAGE',
    `import: --dim '${text}'; expected a name and its largest size, such as --dim seq=128.`,
  );
}

async function runOnnxImport(
  source: string,
  resolved: ResolvedSource,
  { id = resolved.id, task = resolved.task, dim, force, json }: ImportFlags,
): Promise<void> {
  const { importOnnx } = await import('../import/onnx/import-onnx.ts');
  const { build } = await import('../build/build.ts');
  if (id === undefined) throw noId(source);
  // Memory is measured in the runtime that serves.
  await build({ only: 'ort' });
  const warnings: string[] = [];
  const { manifest, folder } = await withProgress(`importing ${id}: `, () =>
    importOnnx({
      input: resolved.path,
      id,
      outRoot: modelsDir(),
      about: resolved.about,
      dims: dim,
      onWarning: (text) => warnings.push(text),
      ...(task === undefined ? {} : { task }),
      ...(force === undefined ? {} : { force }),
    }),
  );
  showWarnings(warnings);
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const { graphs, memory } = manifest;
  const summary = { id, folder, task: manifest.task.name, bytes, memory, warnings };
  const text = [
    `${id}: ${graphs.map(({ name }) => name).join(', ')} for ${manifest.task.name}, ${formatBytes(bytes)}`,
    `memory: ${formatBytes(memory.loadedBytes)} of WebAssembly memory when loaded, ${formatBytes(memory.peakBytes)} at its peak`,
    `next: thimble push ${id}`,
    '',
  ].join('\n');
  process.stdout.write(json === true ? `${JSON.stringify(summary)}\n` : text);
}

async function runVoiceImport(
  source: string,
  resolved: ResolvedSource,
  { id = resolved.id, force, json }: ImportFlags,
): Promise<void> {
  if (id === undefined) throw noId(source);
  const { folder, manifest } = await withProgress(`importing ${id}: `, () =>
    importVoice({
      input: resolved.path,
      id,
      outRoot: modelsDir(),
      about: resolved.about,
      ...(force === undefined ? {} : { force }),
    }),
  );
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const text = `${id}: a voice, ${manifest.language}, ${formatBytes(bytes)}\nnext: thimble push ${id}\n`;
  process.stdout.write(json === true ? `${JSON.stringify({ id, folder, bytes })}\n` : text);
}

function noId(source: string): EngineError {
  return new EngineError(
    'E_USAGE',
    `import: no id; expected --id ID, for instance --id ${suggestId(source)}.`,
  );
}

function checkFlags({ fit, compare, ctx, text, id }: ImportFlags): void {
  const isMeasured = fit !== undefined || compare === true;
  const stray = [
    ...(ctx === undefined ? [] : ['--ctx']),
    ...(text === undefined ? [] : ['--text']),
  ];
  if (!isMeasured && stray.length > 0)
    throw new EngineError(
      'E_USAGE',
      `import: ${stray.join(' and ')} only go with --fit or --compare. Add one of them.`,
    );
  if (compare === true && id !== undefined)
    throw new EngineError('E_USAGE', 'import: --compare keeps nothing. Leave --id out.');
}

function wishOf(
  { calibration }: ImportFlags,
  onWarning: (text: string) => void,
): CalibrationWish | null {
  return calibration === undefined ? null : { path: calibration, onWarning };
}

function presetOptions(preset: string, calibration: CalibrationWish | null) {
  if (calibration === null) return { preset };
  return { preset, choose: calibratedPreset(preset, calibration) };
}

function showWarnings(warnings: readonly string[]): void {
  for (const text of new Set(warnings)) process.stderr.write(`warning: ${text}\n`);
}

interface CompareFlags extends Omit<ImportFlags, 'calibration'> {
  readonly calibration: CalibrationWish | null;
  readonly warnings: readonly string[];
}

async function runCompare({ path }: ResolvedSource, flags: CompareFlags): Promise<void> {
  const { comparePresets } = await import('../import/precision/measure.ts');
  const presets = flags.preset === undefined ? PRESET_NAMES : [choosePreset(flags.preset)];
  const { json, table } = await withProgress('measuring: ', (onProgress) =>
    comparePresets(path, presets, { ...flags, onProgress }),
  );
  showWarnings(flags.warnings);
  process.stdout.write(flags.json ? `${JSON.stringify(json)}\n` : `${table}\n`);
}

interface ResolvedSource {
  readonly path: string;
  readonly id?: string;
  readonly preset?: string;
  /** Of an .onnx file. */
  readonly task?: string;
  readonly about: ModelAbout;
}

/** A path that is there, else a source to pull, else a catalogue id. */
async function resolveSource(source: string): Promise<ResolvedSource> {
  if (existsSync(source)) return { path: resolve(source), about: {} };
  // Loaded only here: importing a file needs nothing of the network.
  const { isSourceSpec } = await import('../pull/source-spec.ts');
  const { findCatalogueEntry, importPreset } = await import('../pull/catalogue.ts');
  const { pullModel, pullSource } = await import('../pull/pull.ts');
  if (isSourceSpec(source)) {
    const { path } = await withProgress(`pulling ${source}: `, (onProgress) =>
      pullSource(source, { onProgress }),
    );
    return { path, about: { source } };
  }
  if (/[/\\]/.test(source) || extname(source) === '.gguf')
    throw new EngineError(
      'E_USAGE',
      `import: ${source} is not there. Give a file, a folder, a source or a catalogue id.`,
    );
  const entry = findCatalogueEntry(source);
  const { id, licence, card, title } = entry;
  const about = { licence, card, name: title, source: `catalogue:${id}` };
  const onnx = entry.onnxTask === undefined ? {} : { task: entry.onnxTask };
  const isOther = entry.onnxTask !== undefined || isVoiceFile(entry.files[0].name);
  const preset = isOther ? {} : { preset: importPreset(entry) };
  const { path } = await withProgress(`pulling ${id}: `, (onProgress) =>
    pullModel(id, { onProgress }),
  );
  return { path, id, ...preset, ...onnx, about };
}

async function withProgress<T>(
  label: string,
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  const line = new ProgressLine(label);
  try {
    const result = await work(line.update);
    line.finish('done');
    return result;
  } catch (error) {
    line.fail();
    throw error;
  }
}

function suggestId(source: string): string {
  const stem = basename(source, extname(source)).toLowerCase();
  return (
    stem
      .replace(/[^a-z0-9._-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, 64) || 'my-model'
  );
}

function summarize({ manifest, folder, keptShards, reports }: ImportResult, seconds: number) {
  const rows = [...reports.values()];
  return {
    id: manifest.id,
    folder,
    preset: manifest.preset,
    architecture: manifest.architecture,
    shards: manifest.shards.length,
    keptShards,
    tensors: manifest.tensors.length,
    exactTensors: manifest.tensors.filter(({ exact }) => exact).length,
    inexactBlocks: rows.reduce((sum, row) => sum + row.inexactBlocks, 0),
    bytes: manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: Number(seconds.toFixed(2)),
  };
}

/** What a model of a kind is tried with. */
const NEXT: Record<ImportResult['manifest']['kind'], string> = {
  decoder: 'thimble chat -m',
  encoder: 'thimble embed -m',
  speech: 'thimble push',
};

function describe(result: ImportResult, seconds: number): string {
  const s = summarize(result, seconds);
  const kept = s.keptShards > 0 ? ` (${s.keptShards} kept from before)` : '';
  return [
    `${s.id}: ${s.tensors} tensors, ${formatBytes(s.bytes)} in ${s.shards} shards${kept}, ${formatSeconds(seconds)}`,
    `preset ${s.preset}: ${s.exactTensors} of ${s.tensors} tensors equal the file to the last bit`,
    `next: thimble inspect ${s.id}, ${NEXT[result.manifest.kind]} ${s.id}`,
    '',
  ].join('\n');
}
