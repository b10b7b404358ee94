/** POST /v1/embeddings. */
import { toBase64 } from '../../../engine/base/base64.ts';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import { checkDimensions, shortened } from '../../serving/embedding/dimensions.ts';
import {
  embedPictures,
  PICTURE_TOKENS,
  requireTower,
} from '../../serving/embedding/embed-pictures.ts';
import { embed } from '../../serving/embedding/embed.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import type { EncoderInput } from '../../serving/embedding/text-ids.ts';
import { redactedHeaders, redactorFor } from '../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../serving/redaction/redactor.ts';
import { sentPicture } from '../../serving/vision/fetch-picture.ts';
import { splitInputs } from './inputs.ts';
import { embeddingsBodySchema, embeddingsSchema } from './schema.ts';
import type { EmbeddingsBody } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const embeddings = defineEndpoint({
  name: 'embeddings',
  method: 'POST',
  path: '/v1/embeddings',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: 'Embed texts and pictures as vectors',
  description:
    'Texts with similar meanings have vectors in similar directions. "dimensions" keeps the first values and ' +
    'normalizes them again: only models trained for it keep their quality (docs/retrieval.md). A model with an image tower ' +
    'embeds pictures among texts (docs/vision.md).',
  body: embeddingsBodySchema,
  takesPictures: true,
  responses: [{ status: 200, what: 'a vector per input', schema: embeddingsSchema }],
  examples: [
    {
      title: 'An unknown model',
      body: { model: 'nothing', input: ['The sea is blue.'] },
      status: 404,
    },
  ],
  async handle({ env, caller, body, client, record }) {
    const model = await findEncoder(env, body.model, caller);
    record.modelId = model.id;
    const dimensions = checkDimensions(body.dimensions, model.manifest.config.nEmbd);
    const redactor = redactorFor(body.redact);
    const { nInput, texts, pictures } = splitInputs(body.input);
    // Before anything is embedded: nothing is done for a model that refuses a part of it.
    if (pictures.length > 0) requireTower(model, pictures[0]!.name);
    const inputs = await redactInputs(
      redactor,
      texts.map(({ value }) => value),
    );
    const ids = await textIds(model, inputs, {
      inputType: body.input_type,
      truncate: body.truncate,
      nameOf: (i) => texts[i]!.name,
    });
    const headers = redactedHeaders(redactor);
    const accept = (): void => client.accept?.({ headers });
    const images = pictures.map(({ name, value }) => ({
      param: name,
      open: async () => (await sentPicture(env, value, name, client.signal)).bytes,
    }));
    const startedAtMs = Date.now();
    const ofImages = await embedPictures(env, caller, model, images, client.signal);
    const ofTexts = await embed(env, caller, model, ids, { signal: client.signal, accept });
    const vectors = new Array<Float32Array>(nInput);
    for (const [i, { index }] of pictures.entries()) vectors[index] = ofImages[i]!;
    for (const [i, { index }] of texts.entries()) vectors[index] = ofTexts[i]!;
    const nToken =
      ids.reduce((sum, { length }) => sum + length, 0) + images.length * PICTURE_TOKENS;
    // Of pictures the size of the request says nothing.
    if (images.length > 0)
      record.addUsage(model.id, {
        ...{ ...NO_USAGE, promptTokens: nToken, prefillMs: Date.now() - startedAtMs },
      });
    const answer = {
      object: 'list',
      data: vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: encoded(shortened(vector, dimensions), body.encoding_format),
      })),
      model: model.id,
      usage: {
        ...{ prompt_tokens: nToken, total_tokens: nToken },
        ...(images.length === 0 ? {} : { images: images.length }),
      },
    };
    return Response.json(answer, { headers });
  },
});

/** Texts without personal data; ids of tokens as they are, since the schema refuses them with it. */
async function redactInputs(
  redactor: Redactor | null,
  inputs: readonly EncoderInput[],
): Promise<readonly EncoderInput[]> {
  if (redactor === null) return inputs;
  const redacted: EncoderInput[] = [];
  for (const input of inputs)
    redacted.push(typeof input === 'string' ? await redactor.redact(input) : input);
  return redacted;
}

/** A vector as numbers, or as base64 of little-endian float32 as in OpenAI's API. */
function encoded(
  vector: Float32Array,
  format: EmbeddingsBody['encoding_format'],
): number[] | string {
  if (format === 'float') return [...vector];
  return toBase64(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
}
