/**
 * Tasks on a picture: a question to a chat model, which sees with eyes of its own or reads what programs find in the picture
 * (docs/vision.md). They run as a chat does; only their fields and answers are those of tasks.
 */
import { z } from 'zod';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import { answer } from '../../http/answer.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import type { Endpoint, Example } from '../../http/endpoint.ts';
import { OPENAI_SSE } from '../../http/sse.ts';
import { withHeaders } from '../../http/with-headers.ts';
import { resourcesJson } from '../../serving/accounting/resources.ts';
import { timingsJson, usageJson } from '../../serving/accounting/usage.ts';
import { checkInputs } from '../../serving/conversation/message.ts';
import type { Message, PartNames } from '../../serving/conversation/message.ts';
import { generationFields } from '../../serving/fields/common.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { runChat } from '../../serving/generation/run-chat.ts';
import type { Delta } from '../../serving/generation/run-generation.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { findModel, type ServedModel } from '../../serving/models/model-store.ts';
import {
  redactedHeaders,
  redactMessages,
  redactorFor,
} from '../../serving/redaction/redact-request.ts';
import { restoreOutput } from '../../serving/redaction/restore-output.ts';
import { senseNames } from '../../serving/senses/senses.ts';
import {
  finishReason,
  taskAnswer,
  taskDelta,
  taskFields,
  type TaskFields,
} from '../../serving/tasks/fields.ts';
import { describeConversation, redactImages } from '../../serving/vision/describe-messages.ts';
import { imageField, type ImageJson, imagesSchema } from '../../serving/vision/fields.ts';

const DEFAULT_MAX_TOKENS = 100;

export interface PictureTask<Name extends string, Fields extends z.ZodRawShape> {
  readonly name: Name;
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly Example[];
  readonly fields: Fields;
  /** What the model is asked. */
  readonly question: (fields: z.output<z.ZodObject<Fields>>) => string;
}

interface Body extends TaskFields {
  readonly image: string;
  readonly stream: boolean;
}

/** How the picture is called in errors. */
const NAMES: PartNames = { path: () => 'image', pictureField: '', text: 'a text task' };
const defaults = z.object(generationFields);

export function definePictureTask<Name extends string, Fields extends z.ZodRawShape>(
  row: PictureTask<Name, Fields>,
): Endpoint {
  const { name, summary, description, examples, fields } = row;
  const title = `${name[0]!.toUpperCase()}${name.slice(1)}`;
  const own = z.object(fields);
  const schema = taskAnswer(name, {
    text: z.string(),
    finish_reason: finishReason,
    images: imagesSchema.optional(),
  }).meta({ id: `${title}Answer` });
  return defineEndpoint({
    name: `${name}Task`,
    method: 'POST',
    path: `/v1/tasks/${name}`,
    tag: 'tasks',
    scope: 'chat',
    ...{ summary, description, examples, takesPictures: true },
    body: z
      .looseObject({
        ...taskFields,
        ...{ image: imageField, stream: z.boolean().default(false) },
        ...fields,
      })
      .meta({ id: `${title}Request` }),
    responses: [{ status: 200, what: 'the answer', schema, event: z.union([taskDelta, schema]) }],
    async handle({ env, caller, body: given, request, record }) {
      const body = given as unknown as Body;
      const model = await findModel(env.MODELS, body.model ?? (await defaultModelId(env)), caller);
      const { signal } = request;
      const text = row.question(own.parse(given));
      const asked: Message = {
        role: 'user',
        content: [
          { type: 'image', given: 'image', url: body.image },
          { type: 'text', text },
        ],
      };
      const pictures = { env, caller, model, vision: undefined, names: NAMES, signal };
      const seen = await describeConversation(pictures, [asked]);
      checkInputs(model.id, seen.messages, NAMES, senseNames(model));
      const redactor = redactorFor(body.redact);
      const messages = await redactMessages(redactor, seen.messages);
      const images = await redactImages(redactor, seen.images);
      const params = await taskParams(body, model);
      const response = await answer({
        ...{ modelId: model.id, signal, record, stream: body.stream, sse: OPENAI_SSE },
        run: (ended, onWaiting) =>
          restoreOutput(
            redactor,
            runChat({
              ...{ env, caller, model, messages, params, promptField: 'image' },
              ...{ signal: ended, onWaiting },
            }),
          ),
        chunks: (deltas) => taskEvents(name, model, images, deltas),
        whole: (deltas) => lastOf(taskEvents(name, model, images, deltas)),
      });
      return withHeaders(response, redactedHeaders(redactor));
    },
  });
}

/** Greedy, as tasks are, unless the request says otherwise. */
async function taskParams(body: Body, model: ServedModel) {
  const { temperature = 0, top_p, seed, max_tokens: maxTokens = DEFAULT_MAX_TOKENS } = body;
  const fields = defaults.parse({ temperature, top_p, seed });
  return await generationParams(fields, { maxTokens, topLogprobs: null }, model);
}

/** Parts of the text, then the whole answer. */
async function* taskEvents(
  name: string,
  model: ServedModel,
  images: readonly ImageJson[],
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<object, void, void> {
  let text = '';
  let reason = 'stop';
  let usage = NO_USAGE;
  for await (const delta of deltas)
    if (delta.type === 'text' && delta.text !== '') {
      text += delta.text;
      yield { object: 'task.delta', delta: delta.text };
    } else if (delta.type === 'done') {
      ({ usage } = delta);
      if (delta.reason === 'length') ({ reason } = delta);
    }
  yield {
    ...{ object: `task.${name}`, model: model.id, text: text.trim(), finish_reason: reason },
    ...(images.length === 0 ? {} : { images }),
    ...{ usage: usageJson(usage), timings: timingsJson(usage) },
    resources: resourcesJson(model.manifest, [usage]),
  };
}

async function lastOf(events: AsyncIterable<object>): Promise<object> {
  let last = {};
  for await (const event of events) last = event;
  return last;
}
