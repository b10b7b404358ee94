/** Answers a form with a recording, for both endpoints of OpenAI's audio API. */
import { NO_USAGE } from '../../../../engine/generate/types.ts';
import type { Tokenizer } from '../../../../engine/text/tokenizer.ts';
import type { RecognitionTask } from '../../../../engine/transcribe/types.ts';
import type {
  TranscriptEvent,
  TranscriptSegment,
} from '../../../../engine/transcribe/recording/transcript.ts';
import { srtText, vttText } from '../../../../engine/transcribe/recording/subtitles.ts';
import { collectTranscript } from '../../../../engine/transcribe/recording/transcribe-recording.ts';
import type { Transcript } from '../../../../engine/transcribe/recording/transcribe-recording.ts';
import type { Begun, Client } from '../../../platform/client.ts';
import { readRenamed } from '../../../platform/vars.ts';
import { chooseModel } from '../../../serving/models/default-model.ts';
import { isKnownName } from '../../../serving/models/known-names.ts';
import type { EndpointContext } from '../../../http/endpoint.ts';
import type { RequestRecord } from '../../../http/observe/record.ts';
import { IGNORED_HEADER, ignoredHeader } from '../../../http/body/unknown-fields.ts';
import { OPENAI_SSE, sseResponse } from '../../../http/sse.ts';
import { withHeaders } from '../../../http/with-headers.ts';
import { optionsOf, readFields, soundFieldsSchema } from './fields.ts';
import type { ResponseFormat, SoundFields } from './fields.ts';
import { runSound } from '../../../serving/recognition/run-sound.ts';
import { logprobsOf, textOf, tokenUsageOf, usageOf, verboseJson } from './transcript-json.ts';
import { receiveSound } from './upload.ts';
import type { Sound, SoundUpload } from './upload.ts';

type Context = EndpointContext<undefined>;

/** @throws {EngineError} errors of the form, the recording and the model. */
export async function answerSound(context: Context, task: RecognitionTask): Promise<Response> {
  const upload = await receiveSound(context.env, context.record, context.request);
  try {
    return await answerUpload(context, task, upload);
  } catch (error) {
    upload.sound[Symbol.dispose]();
    throw error;
  }
}

async function answerUpload(
  { env, caller, record, client }: Context,
  task: RecognitionTask,
  { fields: given, sound }: SoundUpload,
): Promise<Response> {
  const fields = readFields(given);
  const { model: wanted } = fields;
  const named = wanted !== undefined && !(await isKnownName(env, 'sound', wanted)) ? wanted : null;
  const model = await chooseModel(
    env.MODELS,
    'recognition',
    named ?? readRenamed(env, 'RECOGNITION_MODEL'),
    caller,
  );
  const options = optionsOf(fields, task, model.manifest.config, model.tokenizer);
  const abort = new AbortController();
  const signal = AbortSignal.any([client.signal, abort.signal]);
  const job = { env, call: record, model, options, signal, useVad: fields.vad === 'auto' };
  const events = noted(runSound(job, sound), record, model.id);
  const scored = fields.wantsLogprobs ? model.tokenizer : null;
  const ignored = [...given.keys()].filter((name) => !isKnown(name));
  const headers = ignored.length === 0 ? {} : { [IGNORED_HEADER]: ignoredHeader(ignored) };
  if (fields.stream === true) {
    const chunks = soundEvents(events, fields, scored);
    return withHeaders(await sseResponse(chunks, OPENAI_SSE, record, () => abort.abort()), headers);
  }
  const { type, write } = FORMATS[fields.response_format];
  const watched = type === JSON_TYPE ? accepting(events, client, { headers }) : events;
  const transcript = await collectTranscript(watched);
  const body = write(transcript, sound, fields, { task, scored });
  return new Response(body, { headers: { 'content-type': type, ...headers } });
}

function isKnown(name: string): boolean {
  return (
    name.startsWith('timestamp_granularities') ||
    name.startsWith('include') ||
    name in soundFieldsSchema.shape
  );
}

/** Passes the events on, and adds their usage to the request's record. */
async function* noted(
  events: AsyncGenerator<TranscriptEvent, void, void>,
  record: RequestRecord,
  modelId: string,
): AsyncGenerator<TranscriptEvent, void, void> {
  for await (const event of events) {
    if (event.type === 'done') {
      const { decodedTokens, encodeMs, decodeMs, loadMs, queueMs } = event.summary;
      const times = { prefillMs: encodeMs, decodeMs, loadMs, queueMs };
      record.addUsage(modelId, { ...NO_USAGE, completionTokens: decodedTokens, ...times });
    }
    yield event;
  }
}

/**
 * Passes the events on; with the first one, the recording and the model are what they should be. Only JSON may begin with
 * line breaks: of texts and subtitles they would be a part.
 */
async function* accepting(
  events: AsyncIterable<TranscriptEvent>,
  { accept }: Client,
  begun: Begun,
): AsyncGenerator<TranscriptEvent, void, void> {
  for await (const event of events) {
    accept?.(begun);
    yield event;
  }
}

const JSON_TYPE = 'application/json';

interface Format {
  readonly type: string;
  readonly write: (
    finished: Transcript,
    sound: Sound,
    fields: SoundFields,
    job: {
      readonly task: RecognitionTask;
      /** What shows tokens with their log-probabilities; null for none. */
      readonly scored: Tokenizer | null;
    },
  ) => string;
}

const FORMATS: Readonly<Record<ResponseFormat, Format>> = {
  json: {
    type: JSON_TYPE,
    write: ({ segments, summary }, _sound, _fields, { scored }) =>
      JSON.stringify({
        text: textOf(segments),
        ...logprobsOf(segments, scored),
        usage: usageOf(summary),
      }),
  },
  text: {
    type: 'text/plain; charset=utf-8',
    write: ({ segments }) => `${textOf(segments)}\n`,
  },
  srt: {
    type: 'application/x-subrip; charset=utf-8',
    write: ({ segments }) => srtText(segments),
  },
  vtt: {
    type: 'text/vtt; charset=utf-8',
    write: ({ segments }) => vttText(segments),
  },
  verbose_json: {
    type: JSON_TYPE,
    write: ({ segments, summary }, sound, { wantsSegments, wantsWords }, { task }) => {
      const isTruncated = sound.end?.isTruncated ?? false;
      return JSON.stringify(
        verboseJson(segments, summary, { task, isTruncated, wantsSegments, wantsWords }),
      );
    },
  },
};

/** Text as it becomes final: attempts at a window may be dropped, its segments stay. */
async function* soundEvents(
  events: AsyncIterable<TranscriptEvent>,
  { response_format: format }: SoundFields,
  scored: Tokenizer | null,
): AsyncGenerator<unknown, void, void> {
  const segments: TranscriptSegment[] = [];
  for await (const event of events) {
    if (event.type === 'segment') {
      const { id, start, end, text } = event.segment;
      const delta = segments.length === 0 ? text.trimStart() : text;
      segments.push(event.segment);
      yield { type: 'transcript.text.delta', delta, ...logprobsOf([event.segment], scored) };
      if (format === 'verbose_json')
        yield { type: 'transcript.text.segment', id: String(id), start, end, text, speaker: '' };
    } else if (event.type === 'done') {
      const usage = tokenUsageOf(event.summary);
      const logprobs = logprobsOf(segments, scored);
      yield { type: 'transcript.text.done', text: textOf(segments), ...logprobs, usage };
    }
  }
}
