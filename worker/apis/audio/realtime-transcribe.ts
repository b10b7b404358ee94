/** GET /v1/realtime/transcribe: a microphone on a WebSocket. */
import type { Place } from '../../platform/failure.ts';
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { acceptSocket, requireUpgrade, socketResponse } from '../../http/socket.ts';
import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from '../../../engine/audio/audio-reader.ts';
import { SAMPLE_RATE } from '../../../engine/transcribe/types.ts';
import {
  LiveTranscriber,
  MAX_BACKLOG_SECONDS,
} from '../../../engine/transcribe/live/live-transcriber.ts';
import { readRenamed } from '../../platform/vars.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { chooseModel } from '../../serving/models/default-model.ts';
import type { ModelOfKind } from '../../serving/models/model-store.ts';
import { optionsOf } from './recognition/fields.ts';
import { IDLE_TIMEOUT_MS, liveMessageSchema, LiveSocket } from './recognition/live-socket.ts';
import { wholeNumber } from './recognition/raw-format.ts';
import { findDetector } from '../../serving/recognition/run-sound.ts';
import { transcribeEvents } from '../../serving/clients/stage-client.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

const MAX_PROMPT_CHARS = 1000;

const liveEventSchema = z
  .union([
    z.strictObject({
      type: z.literal('ready'),
      model: z.string(),
      sample_rate: z.number().int(),
    }),
    z.strictObject({ type: z.literal('partial'), start: z.number(), text: z.string() }),
    z.strictObject({
      type: z.literal('final'),
      start: z.number(),
      end: z.number(),
      text: z.string(),
      language: z.string(),
      latency_ms: z
        .number()
        .describe('milliseconds from the last sample of the speech to this text'),
    }),
    z.strictObject({ type: z.literal('done'), seconds: z.number() }),
    z.looseObject({ type: z.literal('error') }),
  ])
  .meta({ id: 'LiveTranscriptionEvent' });

export const realtimeTranscribe = defineEndpoint({
  name: 'realtimeTranscribe',
  method: 'GET',
  path: '/v1/realtime/transcribe',
  tag: 'audio',
  scope: 'audio',
  summary: 'Transcribe live speech',
  description:
    'A WebSocket. Binary messages are 16-bit little-endian mono PCM, cut anywhere; {"type": "commit"} ' +
    'makes the current speech final, {"type": "end"} ends. The server sends "ready", then "partial" while ' +
    'somebody speaks (it replaces the previous partial), "final" at each pause, and "done". More than ' +
    `${MAX_BACKLOG_SECONDS} seconds of audio that waits, or ${IDLE_TIMEOUT_MS / 1000} seconds without a message, ` +
    'end the socket with an "error". Needs a voice activity detector (VAD_MODEL).',
  query: {
    model: 'id of a recognition model',
    language: 'a code (en) or a name (English); detected by default',
    prompt: 'words that are likely to occur',
    sample_rate: 'sample rate in Hz; default 16000',
  },
  responses: [
    {
      status: 101,
      what: 'the socket; the server sends the event schema, the client the other one',
      schema: liveMessageSchema,
      event: liveEventSchema,
    },
  ],
  examples: [{ title: 'Refused without an upgrade', status: 400 }],
  async handle({ request, env, caller, record }) {
    requireUpgrade(request);
    const query = new URL(request.url).searchParams;
    const model = await chooseModel(
      env.MODELS,
      'recognition',
      query.get('model') ?? readRenamed(env, 'RECOGNITION_MODEL'),
      caller,
    );
    const { 0: client, 1: server } = new WebSocketPair();
    const sampleRate = rateOf(query);
    const socket = await openSocket(env, record, model, query, server, sampleRate);
    const leave = (): void => {
      socket.leave();
      record.end();
    };
    acceptSocket(server, (data) => socket.receive(data), leave);
    record.hold();
    record.modelId = model.id;
    socket.send({ type: 'ready', model: model.id, sample_rate: sampleRate });
    void socket.run().finally(leave);
    return socketResponse(request, client);
  },
});

/** @throws {EngineError} errors of the query; E_MODEL_NOT_FOUND without a detector. */
async function openSocket(
  env: ServingEnv,
  place: Place,
  model: ModelOfKind<'recognition'>,
  query: URLSearchParams,
  server: WebSocket,
  sampleRate: number,
): Promise<LiveSocket> {
  const language = query.get('language');
  const options = optionsOf(
    {
      ...(language === null ? {} : { language }),
      prompt: (query.get('prompt') ?? '').slice(0, MAX_PROMPT_CHARS),
      wantsWords: false,
    },
    'transcribe',
    model.manifest.config,
    model.tokenizer,
  );
  const detect = await findDetector(env, place);
  if (detect === null)
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `model: no voice activity detector ${JSON.stringify(env.VAD_MODEL)}. Run: thimble pull ${env.VAD_MODEL}, ` +
        'import and push it.',
      { param: 'model' },
    );
  const abort = new AbortController();
  const transcriber = new LiveTranscriber({
    detect,
    transcribe: (request) => transcribeEvents(env, place, model, request, abort.signal),
    tokenizer: model.tokenizer,
    options,
    emit: (event) => socket.send(event),
  });
  const socket: LiveSocket = new LiveSocket(
    {
      send: (text) => server.send(text),
      close: (code, reason) => server.close(code, reason),
      abort: () => abort.abort(),
      sampleRate,
      place,
    },
    transcriber,
  );
  return socket;
}

/** @throws {EngineError} E_REQUEST_INVALID */
function rateOf(query: URLSearchParams): number {
  const sampleRate = wholeNumber(query, 'sample_rate', SAMPLE_RATE);
  if (sampleRate < MIN_SAMPLE_RATE || sampleRate > MAX_SAMPLE_RATE)
    throw invalidField(
      'sample_rate',
      `expected ${MIN_SAMPLE_RATE} to ${MAX_SAMPLE_RATE}, got ${sampleRate}. Send 16000`,
    );
  return sampleRate;
}
