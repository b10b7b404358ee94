/** POST /v1/images/labels. */
import { z } from 'zod';
import type { ReadPicture } from '../../../engine/vision/decode-picture.ts';
import { GREY_PICTURE } from './grey-picture.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { modelField, strictField } from '../../serving/fields/common.ts';
import { chooseModel } from '../../serving/models/default-model.ts';
import { ask } from '../../platform/rpc.ts';
import { sentPicture } from '../../serving/vision/fetch-picture.ts';
import { imageField } from '../../serving/vision/fields.ts';
import { labelsOf, seePicture } from '../../serving/vision/see-picture.ts';

/** Longest side that is decoded: more than models look at. */
const MAX_SIDE = 1024;
const MAX_LABELS = 100;
const DEFAULT_LABELS = 5;

const bodySchema = z
  .looseObject({
    model: modelField,
    image: imageField,
    top: z.number().int().min(1).max(MAX_LABELS).default(DEFAULT_LABELS),
    strict: strictField,
  })
  .meta({ id: 'ImageLabelsRequest' });

const answerSchema = z
  .strictObject({
    object: z.literal('image.labels'),
    model: z.string(),
    labels: z.array(z.strictObject({ label: z.string(), score: z.number() })),
  })
  .meta({ id: 'ImageLabels' });

export const labelImage = defineEndpoint({
  name: 'labelImage',
  method: 'POST',
  path: '/v1/images/labels',
  tag: 'images',
  scope: 'chat',
  summary: 'Tell what a picture shows, in the labels that a model was trained on',
  description:
    'The likeliest labels of an image encoder with their probabilities. The whole picture is looked at, in a small ' +
    'square. docs/vision.md says how often it is right, and what it cannot see.',
  body: bodySchema,
  responses: [{ status: 200, what: 'the labels', schema: answerSchema }],
  examples: [
    { title: 'An unknown model', body: { model: 'nothing', image: GREY_PICTURE }, status: 404 },
  ],
  async handle({ env, caller, body, client, record }) {
    const model = await chooseModel(env.MODELS, 'vision', body.model, caller);
    record.modelId = model.id;
    const { bytes } = await sentPicture(env, body.image, 'image', client.signal);
    const { picture } = await ask<ReadPicture>('documents', () =>
      env.DOCUMENTS.readPicture({ requestId: caller.requestId }, bytes, MAX_SIDE),
    );
    const seen = await seePicture(env, caller, model, picture);
    return Response.json({
      ...{ object: 'image.labels', model: model.id, labels: labelsOf(model, seen, body.top) },
    });
  },
});
