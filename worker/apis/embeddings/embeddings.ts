/** POST /v1/embeddings. */
import { toBase64 } from '../../../engine/base/base64.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { toLengthOne } from '../../../engine/model/encoder/pooling.ts';
import { embed } from '../../serving/embedding/embed.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import type { EncoderInput } from '../../serving/embedding/text-ids.ts';
import { embeddingsBodySchema, embeddingsSchema } from './schema.ts';
import type { EmbeddingsBody } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const embeddings = defineEndpoint({
  name: 'embeddings',
  method: 'POST',
  path: '/v1/embeddings',
  tag: 'retrieval',
  summary: 'Vectors of texts',
  description:
    'Texts whose vectors point the same way mean the same. "dimensions" keeps the first values and makes ' +
    'the length one again: only models trained for it keep their quality (docs/retrieval.md).',
  body: embeddingsBodySchema,
  responses: [{ status: 200, what: 'a vector a text', schema: embeddingsSchema }],
  examples: [
    {
      title: 'A model that is not there',
      body: { model: 'nothing', input: ['The sea is blue.'] },
      status: 404,
    },
  ],
  async handle({ env, caller, body, request, record }) {
    const model = await findEncoder(env, body.model);
    record.modelId = model.id;
    const dimensions = checkDimensions(body, model.manifest.config.nEmbd);
    const texts = textIds(model, inputsOf(body.input), {
      inputType: body.input_type,
      truncate: body.truncate,
      nameOf: (index) => (isList(body.input) ? `input[${index}]` : 'input'),
    });
    const vectors = await embed(env, caller, model, texts, request.signal);
    const nToken = texts.reduce((sum, { length }) => sum + length, 0);
    return Response.json({
      object: 'list',
      data: vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: encoded(shortened(vector, dimensions), body.encoding_format),
      })),
      model: model.id,
      usage: { prompt_tokens: nToken, total_tokens: nToken },
    });
  },
});

/** Several inputs, not one text or its ids. */
function isList(input: EmbeddingsBody['input']): boolean {
  return typeof input !== 'string' && typeof input[0] !== 'number';
}

function inputsOf(input: EmbeddingsBody['input']): readonly EncoderInput[] {
  return isList(input) ? (input as EncoderInput[]) : [input as EncoderInput];
}

function checkDimensions({ dimensions }: EmbeddingsBody, nEmbd: number): number {
  if (dimensions === undefined || dimensions <= nEmbd) return dimensions ?? nEmbd;
  throw invalidField(
    'dimensions',
    `expected at most ${nEmbd}, what the model has, got ${dimensions}`,
    { details: { dimensions, nEmbd } },
  );
}

function shortened(vector: Float32Array, dimensions: number): Float32Array {
  return dimensions === vector.length ? vector : toLengthOne(vector.slice(0, dimensions));
}

/** Base64 of little-endian f32, as OpenAI has it. */
function encoded(
  vector: Float32Array,
  format: EmbeddingsBody['encoding_format'],
): number[] | string {
  if (format === 'float') return [...vector];
  return toBase64(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
}
