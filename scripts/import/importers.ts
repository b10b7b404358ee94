/**
 * The importers, a row each: which inputs are theirs, which options they take, what they write.
 * Callers use `importInput` and need not know which importer takes an input.
 */
import { basename, extname } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import type { OnnxManifest, VoiceManifest } from '../../engine/manifest/manifest.ts';
import { build } from '../build/build.ts';
import type { OnProgress } from '../lib/progress.ts';
import { importPreset } from '../pull/catalogue.ts';
import type { CatalogueEntry } from '../pull/catalogue.ts';
import { importModel } from './import-model.ts';
import type { ImportResult, TensorChooser } from './import-model.ts';
import { importVoice, isVoiceFile } from './voice/import-voice.ts';
import type { ModelAbout } from './write/describe-model.ts';
import type { ModelPlace } from './write/model-folder.ts';

/** What an importer may be asked for beyond its input, by its name and as `thimble import` spells it. */
const OPTION_FLAGS = {
  preset: '--preset',
  fit: '--fit',
  ctx: '--ctx',
  calibration: '--calibration',
  compare: '--compare',
  text: '--text',
  maxTokens: '--max-tokens',
  measure: '--no-measure',
  tokenizer: '--tokenizer',
  task: '--task',
  dim: '--dim',
} as const;
export type ImportOption = keyof typeof OPTION_FLAGS;
export const IMPORT_OPTIONS = Object.keys(OPTION_FLAGS) as ImportOption[];

export interface ImportRequest extends ModelPlace {
  /** A file, or a folder that holds a model. */
  readonly input: string;
  readonly about?: ModelAbout;
  readonly preset?: string;
  /** Types and weights of single tensors, chosen once the file is open. */
  readonly choose?: TensorChooser;
  /** The vocabulary file of a llama2.c model. */
  readonly tokenizer?: string;
  /** What an ONNX graph is for. */
  readonly task?: string;
  /** Largest sizes of an ONNX graph's named dimensions. */
  readonly dim?: ReadonlyMap<string, number>;
  readonly onProgress?: OnProgress;
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** What was imported, by the row that did it. */
export type Imported =
  | { readonly importer: 'voice'; readonly folder: string; readonly manifest: VoiceManifest }
  | { readonly importer: 'onnx'; readonly folder: string; readonly manifest: OnnxManifest }
  | ({ readonly importer: 'weights' } & ImportResult);

interface Importer {
  readonly name: Imported['importer'];
  /** Its inputs, as messages call them. */
  readonly inputs: string;
  readonly options: readonly ImportOption[];
  /** By the path alone: the input may not have been pulled yet. */
  recognises(input: string): boolean;
  /** @throws {EngineError} E_USAGE, E_DISK, E_BUSY, and every error of a damaged or unsupported file. */
  run(request: ImportRequest): Promise<Imported>;
}

/** In the order in which they are tried; the last takes every other input. */
const IMPORTERS: readonly [Importer, ...Importer[]] = [
  {
    name: 'onnx',
    inputs: 'an ONNX graph',
    options: ['task', 'dim'],
    recognises: (input) => extname(input) === '.onnx',
    async run({ dim, ...request }) {
      // Memory is measured in the runtime that serves.
      await build({ only: 'ort' });
      const { importOnnx } = await import('./onnx/import-onnx.ts');
      const dims = dim === undefined ? {} : { dims: dim };
      return { importer: 'onnx', ...(await importOnnx({ ...request, ...dims })) };
    },
  },
  {
    name: 'voice',
    inputs: 'a voice of SVOX Pico',
    options: [],
    recognises: isVoiceFile,
    run: async (request) => ({ importer: 'voice', ...(await importVoice(request)) }),
  },
  {
    name: 'weights',
    inputs: 'a model of weights',
    options: [
      ...(['preset', 'fit', 'ctx', 'calibration', 'compare'] as const),
      ...(['text', 'maxTokens', 'measure', 'tokenizer'] as const),
    ],
    recognises: () => true,
    run: async (request) => ({ importer: 'weights', ...(await importModel(request)) }),
  },
];

function importerOf(input: string): Importer {
  return IMPORTERS.find((row) => row.recognises(input)) ?? IMPORTERS[0];
}

/** @throws {EngineError} E_USAGE naming the options that an input's importer does not take. */
export function checkImportOptions(input: string, given: readonly ImportOption[]): void {
  const { inputs, options } = importerOf(input);
  const stray = given.filter((option) => !options.includes(option));
  if (stray.length === 0) return;
  const flags = (names: readonly ImportOption[]) => names.map((name) => OPTION_FLAGS[name]);
  const taken = options.length === 0 ? 'none of these options' : flags(options).join(', ');
  throw new EngineError(
    'E_USAGE',
    `import: ${flags(stray).join(' and ')} with ${basename(input)}; expected ${taken} for ${inputs}. ` +
      `Leave ${stray.length === 1 ? 'it' : 'them'} out.`,
    { details: { given: flags(stray), expected: flags(options) } },
  );
}

/**
 * Imports any input with the row it belongs to.
 * @throws {EngineError} E_USAGE for options it does not take; E_DISK, E_BUSY, and every error
 *   of a damaged or unsupported file.
 */
export async function importInput(request: ImportRequest): Promise<Imported> {
  const { input } = request;
  const given = IMPORT_OPTIONS.filter((option) => option in request);
  checkImportOptions(input, given);
  return await importerOf(input).run(request);
}

/**
 * What a catalogue's entry is imported with.
 * @throws {EngineError} E_ARCH_UNKNOWN for files that can be pulled but not imported yet.
 */
export function catalogueRequest(
  entry: CatalogueEntry,
): Pick<ImportRequest, 'about' | 'preset' | 'task'> & { readonly about: ModelAbout } {
  const { id, licence, card, title, sampling, onnxTask: task } = entry;
  const about = { licence, card, sampling, name: title, source: `catalogue:${id}` };
  const { options } = importerOf(entry.files[0].name);
  return {
    about,
    ...(task === undefined ? {} : { task }),
    ...(options.includes('preset') ? { preset: importPreset(entry) } : {}),
  };
}
