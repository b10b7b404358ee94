/** Asks a stage for a generation and reads its lines of JSON as events. */
import {
  EngineError,
  errorFromRecord,
  type ErrorRecord,
  throwIfAborted,
} from '../../../engine/base/errors.ts';
import type { GenerateEvent, GenerateRequest } from '../../../engine/generate/types.ts';
import type { TranscribeEvent, TranscribeRequest } from '../../../engine/transcribe/types.ts';
import type { StageStatus } from '../../stage/index.ts';
import type { GatewayEnv } from '../../gateway/env.ts';
import type { ModelOfKind, ServedModel } from '../models/model-store.ts';

const CLIENT_GONE = 'request: the client went away.';

type StageLine<E> = E | { readonly type: 'error'; readonly error: ErrorRecord };
/**
 * The events of one generation. Ending the iteration early, or the signal, ends the generation.
 * @throws {EngineError} what the stage reports; E_BACKEND_UNAVAILABLE when it breaks off.
 */
export async function* generateEvents(
  env: Pick<GatewayEnv, 'STAGE'>,
  model: ServedModel,
  request: GenerateRequest,
  signal: AbortSignal,
  promptField = 'prompt',
): AsyncGenerator<GenerateEvent, void, void> {
  const vocabulary = request.constraint === undefined ? null : model.vocabulary;
  yield* stageEvents<GenerateEvent>(
    () => env.STAGE.getByName(model.id).generate(model.id, request, model.version, vocabulary),
    signal,
    (record) => withField(record, promptField),
  );
}

/** The same of the transcription of one window. */
export async function* transcribeEvents(
  env: Pick<GatewayEnv, 'STAGE'>,
  model: ModelOfKind<'recognition'>,
  request: TranscribeRequest,
  signal: AbortSignal,
): AsyncGenerator<TranscribeEvent, void, void> {
  yield* stageEvents<TranscribeEvent>(
    () => env.STAGE.getByName(model.id).transcribe(model.id, request, model.version),
    signal,
  );
}

async function* stageEvents<E extends { readonly type: string }>(
  open: () => Promise<ReadableStream<Uint8Array>>,
  signal: AbortSignal,
  toRecord: (record: ErrorRecord) => ErrorRecord = (record) => record,
): AsyncGenerator<E, void, void> {
  throwIfAborted(signal, CLIENT_GONE);
  const stream = await reachStage(open);
  const reader = stream.getReader();
  const cancel = (): void => {
    // The reason has no reader: the stage only needs to know that nobody listens.
    reader.cancel().catch(() => undefined);
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const line of readLines(reader)) {
      const event = JSON.parse(line) as StageLine<E>;
      if (isFailure(event)) throw errorFromRecord(toRecord(event.error));
      yield event;
      if (event.type === 'done') return;
    }
    throwIfAborted(signal, CLIENT_GONE);
    throw unavailable('ended without a last event');
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

/** The stage knows tokens, not the field of the request they came from. */
function withField(record: ErrorRecord, promptField: string): ErrorRecord {
  return record.code === 'E_PROMPT_TOO_LONG' ? { ...record, param: promptField } : record;
}

/** Loads the model if need be. @throws {EngineError} */
export async function stageStatus(env: GatewayEnv, model: ServedModel): Promise<StageStatus> {
  const stage = env.STAGE.getByName(model.id);
  const answer = await reachStage(() => stage.status(model.id, model.version));
  // RPC's type of a record loses its `unknown` values; what crosses is the record itself.
  if ('error' in answer) throw errorFromRecord(answer.error as ErrorRecord);
  return answer.ok;
}

async function reachStage<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw unavailable('did not answer', error);
  }
}

async function* readLines(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const chunk = await reader.read().catch((error: unknown) => {
      throw unavailable('broke off', error);
    });
    if (chunk.done) return;
    const lines = (rest + decoder.decode(chunk.value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function unavailable(what: string, cause?: unknown): EngineError {
  return new EngineError('E_BACKEND_UNAVAILABLE', `stage: ${what}. Try again.`, { cause });
}
