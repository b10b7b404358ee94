/** Real speech models for tests, imported once a run. */
import { dirname } from 'node:path';
import { archTensors } from '../../engine/archs/index.ts';
import { WHISPER } from '../../engine/archs/recognition/whisper.ts';
import type { RecognitionManifest } from '../../engine/manifest/manifest.ts';
import { createMemory, instantiateKernels } from '../../engine/kernels/wasm/module.ts';
import { AudioEncoder } from '../../engine/model/recognition/audio-encoder.ts';
import { bindWeights, loadShards } from '../../engine/model/memory/loader.ts';
import { TextDecoder } from '../../engine/model/recognition/text-decoder.ts';
import { planRecognition } from '../../engine/model/recognition/plan.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { RecognitionEngine } from '../../engine/transcribe/recognition-engine.ts';
import type { RecognitionEngineOptions } from '../../engine/transcribe/recognition-engine.ts';
import { DEFAULT_TRANSCRIBE } from '../../engine/transcribe/types.ts';
import type {
  TranscribeEvent,
  TranscribeOptions,
  TranscribeRequest,
} from '../../engine/transcribe/types.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { FileModelSource, readTokenizer } from '../../scripts/node-host/model-files.ts';
import { importedFrom } from './models.ts';
import { requireModelFile } from './needs.ts';

export type WhisperId = 'whisper-tiny.en' | 'whisper-base';

/** The CTranslate2 folder of a catalogue entry. */
export function whisperFolder(id: WhisperId): string {
  return dirname(requireModelFile(id));
}

interface Loaded {
  readonly source: FileModelSource<RecognitionManifest>;
  readonly tokenizer: Tokenizer;
}

async function imported(input: string, preset: string): Promise<Loaded> {
  const { folder, manifest } = await importedFrom(input, preset, 'recognition');
  const tokenizer = await readTokenizer(folder, manifest);
  return { source: new FileModelSource(folder, manifest), tokenizer };
}

export async function recognitionEngineFrom(
  input: string,
  preset: string,
  options: RecognitionEngineOptions = {},
): Promise<{ engine: RecognitionEngine; tokenizer: Tokenizer }> {
  const { source, tokenizer } = await imported(input, preset);
  const modules = await loadKernelModules();
  const engine = await RecognitionEngine.load(source, modules, {
    memoryBudgetBytes: null,
    ...options,
  });
  return { engine, tokenizer };
}

/** The bare encoder and decoder of what `recognitionEngineFrom` loads. */
export async function recognitionPartsFrom(input: string, preset: string) {
  const { source, tokenizer } = await imported(input, preset);
  const { manifest } = source;
  const { config } = manifest;
  const plan = planRecognition(manifest, { memoryBudgetBytes: null });
  const memory = createMemory(plan.wasmBytes);
  const { exports: kernels } = await instantiateKernels(await loadKernelModules(), memory);
  await loadShards(source, plan.shardAddresses, memory);
  const weights = bindWeights(manifest, archTensors(WHISPER, config), plan.shardAddresses);
  return {
    config,
    kernels,
    memory,
    tokenizer,
    encoder: new AudioEncoder(config, plan, weights, kernels, memory),
    decoder: new TextDecoder(config, plan, weights, kernels, memory),
  };
}

/** All events of one transcription. */
export async function transcribeAll(
  engine: RecognitionEngine,
  samples: Float32Array,
  options: Partial<TranscribeOptions> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<TranscribeEvent[]> {
  const request: TranscribeRequest = { ...DEFAULT_TRANSCRIBE, ...options, samples };
  const events: TranscribeEvent[] = [];
  for await (const event of engine.transcribe(request, signal)) events.push(event);
  return events;
}

/** The events of one type. */
export function eventsOf<T extends TranscribeEvent['type']>(
  events: readonly TranscribeEvent[],
  type: T,
): Extract<TranscribeEvent, { type: T }>[] {
  return events.filter(
    (event): event is Extract<TranscribeEvent, { type: T }> => event.type === type,
  );
}

/** The text of all segments. */
export function textOf(events: readonly TranscribeEvent[], tokenizer: Tokenizer): string {
  return eventsOf(events, 'segment')
    .map(({ tokens }) => tokenizer.decode(tokens))
    .join('')
    .trim();
}
