/** Calls a stage for a generation, and reads its lines of JSON as events. */
import { EngineError, errorFromRecord, type ErrorRecord } from '../../../engine/base/errors.ts';
import type { GenerateEvent, GivenRequest } from '../../../engine/generate/types.ts';
import type { SamplingParams } from '../../../engine/sample/params.ts';
import type { TranscribeEvent, TranscribeRequest } from '../../../engine/transcribe/types.ts';
import type { Caller } from '../../platform/caller.ts';
import { throwIfLeft } from '../../platform/client.ts';
import type { CallContext } from '../../platform/failure.ts';
import { readWatermarkKey } from '../../platform/watermark-key.ts';
import { ask, reach, unavailable } from '../../platform/rpc.ts';
import type { StageStatus } from '../../stage/index.ts';
import { countCall, stageOf } from './stages.ts';
import type { ServingEnv } from '../env.ts';
import type { ModelOfKind, ServedModel } from '../models/model-store.ts';

type StageLine<E> = E | { readonly type: 'error'; readonly error: ErrorRecord };
/** Times a generation is made again whose stage went away; the same numbers give the same text. */
const MAX_REPEATS = 3;
/** Wait before each of them. */
const REPEAT_WAIT_MS = 200;

export interface GenerateOptions {
  /** Field of the request that the prompt came from, for errors. */
  readonly promptField?: string;
  /** Called when it waits for its turn, and is not refused any more. */
  readonly onWaiting?: (() => void) | undefined;
}

/**
 * Events of one generation. A stage that goes away meanwhile costs time and no event: the generation is made
 * again, and what was passed on already is not passed on twice. Ending the iteration early, or aborting the
 * signal, ends the generation.
 * @throws {EngineError} errors of the stage; E_BACKEND_UNAVAILABLE when the stream breaks off again and again.
 */
export async function* generateEvents(
  env: ServingEnv,
  { requestId, subject }: Caller,
  model: ServedModel,
  request: GivenRequest,
  signal: AbortSignal,
  { promptField = 'prompt', onWaiting }: GenerateOptions = {},
): AsyncGenerator<GenerateEvent, void, void> {
  // A prompt cached for one subject is not reused for another, whose cached_tokens would show it.
  const sampling = await marked(env, request.sampling);
  const tellsWaiting = onWaiting !== undefined;
  const scoped = { ...request, scope: subject, sampling, tellsWaiting };
  const affinity = affinityOf(scoped);
  const vocabulary = request.constraint === undefined ? null : model.vocabulary;
  let nPassedOn = 0;
  for (let repeat = 0; ; repeat++) {
    // Another stub, and where there are several copies perhaps another of them.
    const { stage, place } = stageOf(env, model, affinity);
    const end = countCall(place);
    let nEvent = 0;
    try {
      const events = stageEvents<GenerateEvent>(
        () => stage.generate({ requestId }, place, scoped, vocabulary),
        signal,
        (record) => withField(record, promptField),
      );
      for await (const event of events) {
        if (event.type === 'waiting') {
          onWaiting?.();
          continue;
        }
        if (++nEvent <= nPassedOn) continue;
        nPassedOn = nEvent;
        yield event;
      }
      return;
    } catch (error) {
      if (!isStageGone(error) || repeat === MAX_REPEATS || signal.aborted) throw error;
      await scheduler.wait(REPEAT_WAIT_MS);
    } finally {
      end();
    }
  }
}

/** Sampled texts carry the deployment's watermark. */
async function marked(env: ServingEnv, sampling: SamplingParams): Promise<SamplingParams> {
  if (sampling.temperature === 0) return sampling;
  return { ...sampling, watermark: await readWatermarkKey(env) };
}

function isStageGone(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'E_BACKEND_UNAVAILABLE';
}

/** Events of the transcription of one window, in the same way. */
export async function* transcribeEvents(
  env: ServingEnv,
  { requestId, subject = '' }: CallContext,
  model: ModelOfKind<'recognition'>,
  request: TranscribeRequest,
  signal: AbortSignal,
): AsyncGenerator<TranscribeEvent, void, void> {
  const { stage, place } = stageOf(env, model);
  yield* stageEvents<TranscribeEvent>(
    () => stage.transcribe({ requestId, subject }, place, request),
    signal,
  );
}

async function* stageEvents<E extends { readonly type: string }>(
  open: () => Promise<ReadableStream<Uint8Array>>,
  signal: AbortSignal,
  toRecord: (record: ErrorRecord) => ErrorRecord = (record) => record,
): AsyncGenerator<E, void, void> {
  throwIfLeft(signal);
  const stream = await reach('stage', open);
  const reader = stream.getReader();
  const cancel = (): void => {
    // Without a reason: the stage only needs to know that nobody reads any more.
    reader.cancel().catch(() => undefined);
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const line of readLines(reader, signal)) {
      const event = JSON.parse(line) as StageLine<E>;
      if (isFailure(event)) throw errorFromRecord(toRecord(event.error));
      yield event;
      if (event.type === 'done') return;
    }
    throwIfLeft(signal);
    throw unavailable('stage', 'ended without a last event');
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}

function isFailure<E extends { readonly type: string }>(
  event: StageLine<E>,
): event is { readonly type: 'error'; readonly error: ErrorRecord } {
  return event.type === 'error';
}

/** Adds the field that the prompt came from, which the stage does not know. */
function withField(record: ErrorRecord, promptField: string): ErrorRecord {
  return record.code === 'E_PROMPT_TOO_LONG' ? { ...record, param: promptField } : record;
}

/** Loads the model if necessary. @throws {EngineError} */
export async function stageStatus(
  env: ServingEnv,
  { requestId }: CallContext,
  model: ServedModel,
): Promise<StageStatus> {
  const { stage, place } = stageOf(env, model);
  return await ask<StageStatus>('stage', () => stage.status({ requestId }, place));
}

/** Tokens by which a text that goes on is recognised: longer than most system prompts. */
const AFFINITY_TOKENS = 256;

/** What requests have in common that go on with the same text. */
function affinityOf({ prompt, scope }: GivenRequest): string {
  const [first] = prompt;
  const ids = first?.kind === 'tokens' ? first.ids : [];
  return `${scope ?? ''}:${ids.slice(0, AFFINITY_TOKENS).join()}`;
}

async function* readLines(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const chunk = await reader.read().catch((error: unknown) => {
      throwIfLeft(signal);
      throw unavailable('stage', 'broke off', error);
    });
    if (chunk.done) return;
    const lines = (rest + decoder.decode(chunk.value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
