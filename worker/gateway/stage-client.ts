/** Asks a stage for a generation and reads its lines of JSON as events. */
import {
  EngineError,
  errorFromRecord,
  type ErrorRecord,
  throwIfAborted,
} from '../../engine/base/errors.ts';
import type { GenerateEvent, GenerateRequest } from '../../engine/generate/types.ts';
import type { StageStatus } from '../stage/index.ts';
import type { GatewayEnv } from './env.ts';
import type { ServedModel } from './model-store.ts';

const CLIENT_GONE = 'request: the client went away.';

type StageLine = GenerateEvent | { readonly type: 'error'; readonly error: ErrorRecord };

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
  throwIfAborted(signal, CLIENT_GONE);
  const stage = env.STAGE.getByName(model.id);
  const stream = await reachStage(() =>
    stage.generate(
      model.id,
      request,
      model.version,
      request.constraint === undefined ? null : model.vocabulary,
    ),
  );
  const reader = stream.getReader();
  const cancel = (): void => {
    // The reason has no reader: the stage only needs to know that nobody listens.
    reader.cancel().catch(() => undefined);
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const line of readLines(reader)) {
      const event = JSON.parse(line) as StageLine;
      if (event.type === 'error') throw errorFromRecord(withField(event.error, promptField));
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
