/** POST /v1/tasks/read: the text in a picture. */
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { strictField } from '../../serving/fields/common.ts';
import { describePicture, readyDescribers } from '../../serving/vision/describe-picture.ts';
import { textDescriber } from '../../serving/vision/describe-text.ts';
import { sentPicture } from '../../serving/vision/fetch-picture.ts';
import { imageField } from '../../serving/vision/fields.ts';

const count = z.number().int().nonnegative();

const answerSchema = z
  .strictObject({
    object: z.literal('task.read'),
    model: z.string(),
    text: z.string().describe('line by line'),
    ...{ width: count, height: count },
    lines: z.array(
      z.strictObject({
        text: z.string(),
        score: z.number(),
        box: z.array(z.number()).describe('pixels: left, top, right, bottom'),
      }),
    ),
  })
  .meta({ id: 'ReadText' });

export const readTask = defineEndpoint({
  name: 'readTask',
  method: 'POST',
  path: '/v1/tasks/read',
  tag: 'tasks',
  scope: 'chat',
  summary: 'Read the text in a picture',
  description: 'Printed Latin and Chinese, with the place of each line. No chat model is asked.',
  takesPictures: true,
  body: z.looseObject({ image: imageField, strict: strictField }).meta({ id: 'ReadRequest' }),
  responses: [{ status: 200, what: 'the text', schema: answerSchema }],
  examples: [
    { title: 'No picture', body: {}, status: 400 },
    { title: 'Not a picture', body: { image: 'a picture' }, status: 400 },
  ],
  async handle({ env, caller, body, client, record }) {
    const sent = await sentPicture(env, body.image, 'image', client.signal);
    const ready = (await readyDescribers(env)).ready.filter(
      ({ describer }) => describer === textDescriber,
    );
    const [reader] = ready;
    if (reader === undefined) throw noReader(textDescriber.model?.id(env) ?? '');
    record.modelId = reader.modelId;
    const only = { ready, missing: [], hasModel: true };
    const {
      text: lines = [],
      width,
      height,
    } = await describePicture(env, caller, sent, only, 'image');
    return Response.json({
      ...{ object: 'task.read', model: reader.modelId },
      ...{ text: lines.map(({ text }) => text).join('\n'), width, height, lines },
    });
  },
});

function noReader(id: string): EngineError {
  return new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: no model that reads text in pictures is on this server. Run: thimble push ${id}`,
    { details: { model: id } },
  );
}
