/** POST /v1/moderations. */
import { invalidField } from '../../platform/invalid-field.ts';
import type { ImageLabel } from '../../onnx/tasks/image-labels.ts';
import { requireTask } from '../../onnx/tasks/require-task.ts';
import { findModelOfKind } from '../../serving/models/model-store.ts';
import { readDataUrl } from '../../http/body/data-url.ts';
import { askOnnx } from '../../serving/clients/onnx-client.ts';
import { MAX_MODERATED_IMAGES, moderationBodySchema, moderationSchema } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

/** The classifier's name of the category. */
const JUDGED_LABEL = 'nsfw';

/** A PNG of 2 x 2 grey pixels. */
const GREY =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNoaGBoaAAABgYCAZQ7Q6QAAAAASUVORK5CYII=';

export const createModeration = defineEndpoint({
  name: 'createModeration',
  method: 'POST',
  path: '/v1/moderations',
  tag: 'onnx',
  scope: 'chat',
  summary: 'Classify whether images are sexual',
  description:
    "Like OpenAI's endpoint, with the one category that the image classifier knows: sexual. Images are " +
    'data: URLs of PNG or JPEG; several are classified together, by the highest score. Texts are refused: ' +
    'no model classifies them. A score is an estimate, not a decision (docs/onnx.md).',
  body: moderationBodySchema,
  responses: [{ status: 200, what: 'the result', schema: moderationSchema }],
  examples: [
    { title: 'Texts are refused', body: { input: 'Is this fine?' }, status: 400 },
    {
      title: 'An unknown model',
      body: { model: 'nothing', input: [{ type: 'image_url', image_url: { url: GREY } }] },
      status: 404,
    },
  ],
  async handle({ env, caller, body, record }) {
    const images = imagesOf(body.input);
    const modelId = body.model ?? env.MODERATION_MODEL;
    const { manifest } = await findModelOfKind(env.MODELS, modelId, 'onnx', caller);
    requireTask(manifest, 'image-moderation');
    record.modelId = manifest.id;
    let score = 0;
    for (const [i, bytes] of images.entries()) {
      const labels = await askOnnx<ImageLabel[]>(
        env,
        caller,
        manifest.id,
        (stub, call) => stub.labelImage(call, manifest.id, bytes),
        `input[${i}].image_url.url`,
      );
      score = Math.max(score, labels.find(({ label }) => label === JUDGED_LABEL)?.score ?? 0);
    }
    const flagged = score >= body.threshold;
    const result = {
      flagged,
      categories: { sexual: flagged },
      category_scores: { sexual: score },
      category_applied_input_types: { sexual: ['image' as const] },
    };
    return Response.json({
      id: `modr-${crypto.randomUUID().replaceAll('-', '')}`,
      model: manifest.id,
      results: [result],
    });
  },
});

type Input = (typeof moderationBodySchema)['_output']['input'];

/** @throws {EngineError} E_REQUEST_INVALID naming the first part that is not an image. */
function imagesOf(input: Input): Uint8Array[] {
  const parts = typeof input === 'string' ? [input] : input;
  if (parts.length > MAX_MODERATED_IMAGES)
    throw invalidField(
      'input',
      `expected at most ${MAX_MODERATED_IMAGES} images in a request, got ${parts.length}`,
    );
  return parts.map((part, i) => {
    if (typeof part !== 'string' && part.type === 'image_url')
      return readDataUrl(part.image_url.url, `input[${i}].image_url.url`);
    const param = typeof input === 'string' ? 'input' : `input[${i}]`;
    throw invalidField(
      param,
      `texts are not judged, since no model here can; expected {"type": "image_url", "image_url": {"url": "data:image/png;base64,..."}}`,
    );
  });
}
