/** POST /v1/embeddings. */
import { toBase64 } from '../../../engine/base/base64.ts';
import { checkDimensions, shortened } from '../../serving/embedding/dimensions.ts';
import { embed } from '../../serving/embedding/embed.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import type { EncoderInput } from '../../serving/embedding/text-ids.ts';
import { redactedHeaders, redactorFor } from '../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../serving/redaction/redactor.ts';
import { embeddingsBodySchema, embeddingsSchema } from './schema.ts';
import type { EmbeddingsBody } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const embeddings = defineEndpoint({
  name: 'embeddings',
  method: 'POST',
  path: '/v1/embeddings',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: 'Embed texts as vectors',
  description:
    'Texts with similar meanings have vectors in similar directions. "dimensions" keeps the first values and ' +
    'normalizes them again: only models trained for it keep their quality (docs/retrieval.md).',
  body: embeddingsBodySchema,
  responses: [{ status: 200, what: 'a vector per text', schema: embeddingsSchema }],
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
    const inputs = await redactInputs(redactor, inputsOf(body.input));
    const texts = await textIds(model, inputs, {
      inputType: body.input_type,
      truncate: body.truncate,
      nameOf: (index) => (isList(body.input) ? `input[${index}]` : 'input'),
    });
    const headers = redactedHeaders(redactor);
    const vectors = await embed(env, caller, model, texts, {
      signal: client.signal,
      accept: () => client.accept?.({ headers }),
    });
    const nToken = texts.reduce((sum, { length }) => sum + length, 0);
    const answer = {
      object: 'list',
      data: vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: encoded(shortened(vector, dimensions), body.encoding_format),
      })),
      model: model.id,
      usage: { prompt_tokens: nToken, total_tokens: nToken },
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

/** Whether the input is a list, and not one text or its ids. */
function isList(input: EmbeddingsBody['input']): boolean {
  return typeof input !== 'string' && typeof input[0] !== 'number';
}

function inputsOf(input: EmbeddingsBody['input']): readonly EncoderInput[] {
  return isList(input) ? (input as EncoderInput[]) : [input as EncoderInput];
}

/** A vector as numbers, or as base64 of little-endian float32 as in OpenAI's API. */
function encoded(
  vector: Float32Array,
  format: EmbeddingsBody['encoding_format'],
): number[] | string {
  if (format === 'float') return [...vector];
  return toBase64(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
}
