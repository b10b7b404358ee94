/** POST /v1/onnx/:model. */
import { z } from 'zod';
import { ENCODINGS, jsonTensorSchema, jsonTensorsSchema } from './json-tensors.ts';
import { ONNX_WAYS, runOnnxTask } from './run-task.ts';
import { strictField } from '../../serving/fields/common.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { refuseAt, whole } from '../../serving/fields/refuse-at.ts';

export const runOnnx = defineEndpoint({
  name: 'runOnnx',
  method: 'POST',
  path: '/v1/onnx/:model',
  tag: 'onnx',
  scope: 'embeddings',
  summary: 'Run an ONNX model on tensors, samples or an image',
  description:
    'Takes one of "inputs", "samples" and "image" (docs/onnx.md). Every input is checked against the ' +
    "graph's own: name, type, shape, number of values.",
  params: { model: 'id of an ONNX model' },
  body: z
    .looseObject({
      inputs: jsonTensorsSchema.optional(),
      graph: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,31}$/)
        .optional(),
      encoding: z.enum(ENCODINGS).default('json'),
      samples: z.string().min(1).optional(),
      vad: z
        .strictObject({
          threshold: z.number().min(0).max(1).optional(),
          endThreshold: z.number().min(0).max(1).optional(),
          minSpeechS: z.number().min(0).max(60).optional(),
          hangoverS: z.number().min(0).max(60).optional(),
          paddingS: z.number().min(0).max(60).optional(),
        })
        .optional(),
      image: z.string().min(1).optional(),
      top_k: z.number().int().min(1).max(100).optional(),
      strict: strictField,
    })
    .superRefine(
      whole((body, context) => {
        const given = ONNX_WAYS.filter((way) => body[way] !== undefined);
        if (given.length !== 1)
          refuseAt(
            context,
            [given[1] ?? 'inputs'],
            `expected exactly one of ${ONNX_WAYS.join(', ')}`,
          );
      }),
    )
    .meta({ id: 'OnnxRequest' }),
  responses: [
    {
      status: 200,
      what: 'the outputs of the graph, or the result of the task',
      schema: z.strictObject({
        model: z.string(),
        outputs: z.record(z.string(), jsonTensorSchema).optional(),
        segments: z
          .array(z.strictObject({ start: z.number(), end: z.number() }))
          .describe('segments of speech, in seconds')
          .optional(),
        text: z
          .string()
          .describe('the lines of text in an image, separated by line breaks')
          .optional(),
        lines: z
          .array(
            z.strictObject({
              text: z.string(),
              score: z.number(),
              box: z
                .tuple([z.number(), z.number(), z.number(), z.number()])
                .describe('left, top, right, bottom in pixels'),
            }),
          )
          .optional(),
        labels: z.array(z.strictObject({ label: z.string(), score: z.number() })).optional(),
      }),
    },
  ],
  examples: [
    {
      title: 'An unknown graph',
      params: { model: 'nothing' },
      body: { inputs: { x: { dtype: 'float32', shape: [1, 2], data: [0.5, -1] } } },
      status: 404,
    },
  ],
  async handle({ env, caller, params, body }) {
    return Response.json(await runOnnxTask(env, caller, params['model'] ?? '', body));
  },
});
