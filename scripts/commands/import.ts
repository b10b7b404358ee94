/** `thimble import`: turns a model file, folder or source into a model of the user's models folder. */
import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import process from 'node:process';
import { Option } from 'commander';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { calibratedPreset } from '../import/precision/calibrated-chooser.ts';
import type { CalibrationOptions } from '../import/precision/calibrated-chooser.ts';
import type { ImportResult, TensorChooser } from '../import/import-model.ts';
import {
  catalogueRequest,
  checkImportOptions,
  IMPORT_OPTIONS,
  importInput,
} from '../import/importers.ts';
import type { Imported, ImportRequest } from '../import/importers.ts';
import { choosePreset, PRESET_NAMES, PRESETS } from '../import/precision/presets.ts';
import { requantizeWarning } from '../import/precision/requantized.ts';
import { suggestId } from '../import/suggest-id.ts';
import { poolNeed } from '../import/pool-need.ts';
import type { PoolNeed } from '../import/pool-need.ts';
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
  readonly dim?: ReadonlyMap<string, number>;
}

const EXAMPLES = `
Examples:
  thimble import model.Q4_1.gguf --id my-model
  thimble import model-00001-of-00003.gguf --id my-model        (all parts in one folder)
  thimble import ./SmolLM2-135M-Instruct --id smollm2 --preset edge   (safetensors folder)
  thimble import ./SmolVLM-256M-Instruct --id smolvlm --preset q6   (and its vision tower, smolvlm-tower)
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
    .summary('convert a file or folder into a model that can be served')
    .description(
      'Reads a GGUF file (v2, v3, split), a Hugging Face or CTranslate2 folder, a llama2.c file, an ONNX ' +
        'graph or a voice of SVOX Pico, and writes a model in the form that Workers load. An import that ' +
        'was cut off continues where it stopped.',
    )
    .option(
      '--id <id>',
      'id of the imported model (lower case; the default for a catalogue entry is its own id)',
    )
    .option(
      '--preset <preset>',
      `${PRESET_NAMES.join(', ')} (default: the catalogue's, else lossless)`,
    )
    .addOption(
      new Option(
        '--fit <bytes>',
        "choose each tensor's type so that the memory plan stays under this size (128MB)",
      )
        .argParser(parseBytes)
        .conflicts('preset'),
    )
    .option('--ctx <tokens>', 'context length of the memory plan of --fit', parseCount(1))
    .option(
      '--calibration <file>',
      "weigh errors by a file of thimble calibrate; 'auto' finds the one made for this model file",
    )
    .option('--compare', 'import with every preset in turn, print a table, keep nothing')
    .option('--text <file>', 'measure on this text instead of the built-in passages')
    .option('--max-tokens <n>', 'number of tokens to measure on', parseCount(2), 2048)
    .option('--no-measure', 'with --fit: do not measure perplexity after the import')
    .option(
      '--task <task>',
      'for an .onnx file: what the model is used for (docs/onnx.md); tensors by default',
    )
    .option(
      '--dim <name=size>',
      'for an .onnx file: largest size of a named dimension; may be repeated',
      parseDim,
    )
    .option('--tokenizer <file>', 'vocabulary of a llama2.c model (default: tok<N>.bin beside it)')
    .option('--force', 'replace an existing model of this id')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runImport);
}

async function runImport(source: string, flags: ImportFlags, command: Command): Promise<void> {
  checkFlags(flags);
  const given = IMPORT_OPTIONS.filter((name) => command.getOptionValueSource(name) === 'cli');
  const resolved = await resolveSource(source);
  checkImportOptions(resolved.input, given);
  const warnings: string[] = [];
  const calibration = calibrationOptions(flags, (text) => warnings.push(text));
  if (flags.compare === true) return runCompare(resolved, { ...flags, calibration, warnings });
  const request = importRequest(source, resolved, flags);
  const fit =
    flags.fit === undefined
      ? null
      : (await import('../import/precision/measure.ts')).startFit(
          flags.fit,
          flags.ctx,
          calibration,
        );
  const startMs = performance.now();
  const imported = await withProgress(`importing ${request.id}: `, (onProgress) =>
    importInput({
      ...request,
      ...choice(request, calibration, fit?.chooser),
      onProgress,
      onWarning: (text) => warnings.push(text),
      signal: interruptSignal,
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  if (imported.importer === 'weights') {
    const requantized = requantizeWarning(imported.manifest);
    if (requantized !== null) warnings.push(requantized);
  }
  const pool = poolNeed(imported.manifest);
  if (pool?.warning != null) warnings.push(pool.warning);
  showWarnings(warnings);
  const { json, text } = report(imported, seconds, warnings, pool);
  const finish = async (onProgress: OnProgress) =>
    fit?.finish(requireKind(imported.manifest, 'decoder'), resolved.input, {
      ...flags,
      calibration,
      onProgress,
    });
  const isMeasured = fit !== null && flags.measure;
  const fitted = await (isMeasured ? withProgress('measuring: ', finish) : finish(() => {}));
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify(fitted === undefined ? json : { ...json, fit: fitted.json })}\n`
      : text + (fitted === undefined ? '' : `\n${fitted.table}\n`),
  );
}

/** Options of the command line take precedence over those of the catalogue. */
function importRequest(
  source: string,
  resolved: ResolvedSource,
  flags: ImportFlags,
): ImportRequest {
  const id = flags.id ?? resolved.id;
  if (id === undefined)
    throw new EngineError(
      'E_USAGE',
      `import: no id; expected --id ID, for instance --id ${suggestId(source)}.`,
    );
  const { preset, task, tokenizer, force, dim } = flags;
  return {
    ...resolved,
    id,
    outRoot: modelsDir(),
    ...(preset === undefined ? {} : { preset }),
    ...(task === undefined ? {} : { task }),
    ...(tokenizer === undefined ? {} : { tokenizer }),
    ...(force === undefined ? {} : { force }),
    ...(dim === undefined ? {} : { dim }),
  };
}

/** How the types of tensors are chosen, for importers that ask. */
function choice(
  { preset = 'lossless' }: ImportRequest,
  calibration: CalibrationOptions | null,
  fitting: TensorChooser | undefined,
): Pick<ImportRequest, 'preset' | 'choose'> {
  if (fitting !== undefined) return { preset: 'lossless', choose: fitting };
  if (calibration === null) return {};
  return { choose: calibratedPreset(preset, calibration) };
}

const MAX_DIM = 2 ** 31 - 1;

function parseDim(
  text: string,
  before: ReadonlyMap<string, number> = new Map(),
): Map<string, number> {
  const [, name = '', size = ''] = /^(.+)=(\d{1,10})$/.exec(text) ?? [];
  const value = Number(size);
  if (name !== '' && value >= 1 && value <= MAX_DIM) return new Map([...before, [name, value]]);
  throw new EngineError(
    'E_USAGE',
    `import: --dim '${text}'; expected a name and its largest size, such as --dim seq=128.`,
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

function calibrationOptions(
  { calibration }: ImportFlags,
  onWarning: (text: string) => void,
): CalibrationOptions | null {
  return calibration === undefined ? null : { path: calibration, onWarning };
}

function showWarnings(warnings: readonly string[]): void {
  for (const text of new Set(warnings)) process.stderr.write(`warning: ${text}\n`);
}

interface CompareFlags extends Omit<ImportFlags, 'calibration'> {
  readonly calibration: CalibrationOptions | null;
  readonly warnings: readonly string[];
}

async function runCompare({ input }: ResolvedSource, flags: CompareFlags): Promise<void> {
  const { comparePresets } = await import('../import/precision/measure.ts');
  const presets = flags.preset === undefined ? PRESET_NAMES : [choosePreset(flags.preset)];
  const { json, table } = await withProgress('measuring: ', (onProgress) =>
    comparePresets(input, presets, { ...flags, onProgress }),
  );
  showWarnings(flags.warnings);
  process.stdout.write(flags.json ? `${JSON.stringify(json)}\n` : `${table}\n`);
}

type ResolvedSource = Pick<ImportRequest, 'input' | 'about' | 'preset' | 'task'> & {
  readonly id?: string;
};

/** An existing path, else a source to pull, else a catalogue id. */
async function resolveSource(source: string): Promise<ResolvedSource> {
  if (existsSync(source)) return { input: resolve(source), about: {} };
  // Loaded only here: importing a file does not need the network.
  const { isSourceSpec } = await import('../pull/source-spec.ts');
  const { findCatalogueEntry } = await import('../pull/catalogue.ts');
  const { pullModel, pullSource } = await import('../pull/pull.ts');
  if (isSourceSpec(source)) {
    const { path } = await withProgress(`pulling ${source}: `, (onProgress) =>
      pullSource(source, { onProgress }),
    );
    return { input: path, about: { source } };
  }
  if (/[/\\]/.test(source) || extname(source) === '.gguf')
    throw new EngineError(
      'E_USAGE',
      `import: ${source} is not there. Give a file, a folder, a source or a catalogue id.`,
    );
  const entry = findCatalogueEntry(source);
  const { id } = entry;
  const request = catalogueRequest(entry);
  const { printTerms } = await import('../pull/print-terms.ts');
  printTerms(entry);
  const { path } = await withProgress(`pulling ${id}: `, (onProgress) =>
    pullModel(id, { onProgress }),
  );
  return { ...request, input: path, id };
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

interface Report {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function report(
  imported: Imported,
  seconds: number,
  warnings: readonly string[],
  pool: PoolNeed | null,
): Report {
  switch (imported.importer) {
    case 'voice':
      return reportVoice(imported);
    case 'onnx':
      return reportOnnx(imported, warnings);
    case 'weights':
      return {
        json: { ...summarize(imported, seconds), isolates: pool?.isolates ?? null, warnings },
        text: describe(imported, seconds),
      };
  }
}

function reportVoice({ folder, manifest }: Extract<Imported, { importer: 'voice' }>): Report {
  const { id, language, files } = manifest;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const text = `${id}: a voice, ${language}, ${formatBytes(bytes)}\nnext: thimble push ${id}\n`;
  return { json: { id, folder, bytes }, text };
}

function reportOnnx(
  { folder, manifest }: Extract<Imported, { importer: 'onnx' }>,
  warnings: readonly string[],
): Report {
  const { id, graphs, memory, task, files } = manifest;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const text = [
    `${id}: ${graphs.map(({ name }) => name).join(', ')} for ${task.name}, ${formatBytes(bytes)}`,
    `memory: ${formatBytes(memory.loadedBytes)} of WebAssembly memory when loaded, ${formatBytes(memory.peakBytes)} at its peak`,
    `next: thimble push ${id}`,
    '',
  ].join('\n');
  return { json: { id, folder, task: task.name, bytes, memory, warnings }, text };
}

function summarize(
  { manifest, folder, keptShards, reports, tables, tower }: ImportResult,
  seconds: number,
) {
  const rows = [...reports.values()];
  const lost = new Set(manifest.tensors.filter(({ exact }) => !exact).map(({ name }) => name));
  return {
    id: manifest.id,
    folder,
    preset: manifest.preset,
    architecture: manifest.architecture,
    shards: manifest.shards.length,
    keptShards,
    tensors: reports.size,
    exactTensors: reports.size - lost.size,
    inexactBlocks: rows.reduce((sum, row) => sum + row.inexactBlocks, 0),
    bytes: manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(tables === null ? {} : { tables }),
    ...(tower === undefined ? {} : { tower: tower.manifest.id }),
    seconds: Number(seconds.toFixed(2)),
  };
}

/** The command to try a model of each kind with. */
const NEXT: Record<ImportResult['manifest']['kind'], (id: string) => string> = {
  decoder: (id) => `thimble run ${id}`,
  encoder: (id) => `thimble embed -m ${id}`,
  recognition: (id) => `thimble push ${id}`,
  vision: (id) => `thimble push ${id}`,
  tower: (id) => `thimble push ${id}`,
};

function describe(result: ImportResult, seconds: number): string {
  const s = summarize(result, seconds);
  const kept = s.keptShards > 0 ? ` (${s.keptShards} kept from before)` : '';
  return [
    `${s.id}: ${s.tensors} tensors, ${formatBytes(s.bytes)} in ${s.shards} shards${kept}, ${formatSeconds(seconds)}`,
    `preset ${s.preset}: ${s.exactTensors} of ${s.tensors} tensors equal the file to the last bit`,
    ...tableLines(result.tables),
    ...towerLines(result.tower),
    `next: thimble inspect ${s.id}, ${NEXT[result.manifest.kind](s.id)}`,
    '',
  ].join('\n');
}

/** The tower that a text model sees through. */
function towerLines(tower: ImportResult | undefined): string[] {
  if (tower === undefined) return [];
  const { id, shards } = tower.manifest;
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  return [`${id}: its vision tower, ${formatBytes(bytes)}, which is pushed and served with it`];
}

/** What became of a head that the file holds beside its embedding. */
function tableLines(tables: ImportResult['tables']): string[] {
  if (tables === null) return [];
  const { isSame, held, embedding, head } = tables;
  const types = `${embedding} and ${head} in the file`;
  if (!isSame) return [`embedding and head differ (${types}): both are kept`];
  return [
    held !== null
      ? `embedding and head are one matrix (${types}): held once, made from ${held}`
      : `embedding and head are one matrix (${types}): both are kept by preset lossless; others hold it once`,
  ];
}
