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
import { readRenamed } from '../../../platform/vars.ts';
import { chooseModel } from '../../../serving/models/default-model.ts';
import { isKnownName } from '../../../serving/models/known-names.ts';
import type { EndpointContext } from '../../../http/endpoint.ts';
import type { RequestRecord } from '../../../http/observe/record.ts';
import { IGNORED_HEADER, ignoredHeader } from '../../../http/body/unknown-fields.ts';
import { OPENAI_SSE, sseResponse } from '../../../http/sse.ts';
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
  { request, env, caller, record }: Context,
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
  const signal = AbortSignal.any([request.signal, abort.signal]);
  const job = { env, call: record, model, options, signal, useVad: fields.vad === 'auto' };
  const events = noted(runSound(job, sound), record, model.id);
  const scored = fields.wantsLogprobs ? model.tokenizer : null;
  const response =
    fields.stream === true
      ? await sseResponse(soundEvents(events, fields, scored), OPENAI_SSE, record, () =>
          abort.abort(),
        )
      : WRITERS[fields.response_format](await collectTranscript(events), sound, fields, {
          ...{ task, scored },
        });
  const ignored = [...given.keys()].filter((name) => !isKnown(name));
  if (ignored.length > 0) response.headers.set(IGNORED_HEADER, ignoredHeader(ignored));
  return response;
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

type Writer = (
  finished: Transcript,
  sound: Sound,
  fields: SoundFields,
  job: {
    readonly task: RecognitionTask;
    /** What shows tokens with their log-probabilities; null for none. */
    readonly scored: Tokenizer | null;
  },
) => Response;

const plain = (text: string, type: string): Response =>
  new Response(text, { headers: { 'content-type': `${type}; charset=utf-8` } });

const WRITERS: Readonly<Record<ResponseFormat, Writer>> = {
  json: ({ segments, summary }, _sound, _fields, { scored }) =>
    Response.json({
      text: textOf(segments),
      ...logprobsOf(segments, scored),
      usage: usageOf(summary),
    }),
  text: ({ segments }) => plain(`${textOf(segments)}\n`, 'text/plain'),
  srt: ({ segments }) => plain(srtText(segments), 'application/x-subrip'),
  vtt: ({ segments }) => plain(vttText(segments), 'text/vtt'),
  verbose_json: ({ segments, summary }, sound, { wantsSegments, wantsWords }, { task }) => {
    const isTruncated = sound.end?.isTruncated ?? false;
    return Response.json(
      verboseJson(segments, summary, { task, isTruncated, wantsSegments, wantsWords }),
    );
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
