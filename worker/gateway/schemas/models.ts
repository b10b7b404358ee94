/** A model as /v1/models tells of it. */
import { z } from 'zod';

export const modelSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('model'),
    created: z.number().int(),
    owned_by: z.string(),
    licence: z.string(),
    architecture: z.string(),
    preset: z.string(),
    context_length: z.number().int(),
    trained_context_length: z.number().int(),
    thimble: z
      .strictObject({
        name: z.string(),
        context: z.strictObject({
          served: z.number().int().describe('positions of prompt and answer together'),
          trained: z.number().int(),
        }),
        modalities: z.strictObject({
          input: z.array(z.enum(['text'])),
          output: z.array(z.enum(['text'])),
        }),
        licence: z.string(),
        chat_template: z.boolean(),
        quantization: z.strictObject({
          preset: z.string(),
          bits_per_weight: z.number(),
          bytes_by_type: z.record(z.string(), z.number().int()),
        }),
        memory: z
          .strictObject({
            weight_bytes: z.number().int(),
            wasm_bytes: z.number().int(),
            total_bytes: z.number().int(),
          })
          .nullable()
          .describe('of one isolate; null when the model does not fit one'),
      })
      .describe('extension'),
  })
  .meta({ id: 'Model' });
