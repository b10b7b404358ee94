/** The model object of /v1/models. */
import { z } from 'zod';
import type { ModelKind } from '../../../engine/manifest/manifest.ts';

/** Public names of the kinds of models. */
export const PUBLIC_KINDS = {
  decoder: 'decoder',
  encoder: 'encoder',
  recognition: 'speech',
  vision: 'vision',
  tower: 'tower',
  onnx: 'onnx',
  voice: 'voice',
} as const satisfies Readonly<Record<ModelKind, string>>;

const MODALITIES = ['text', 'audio', 'image', 'embedding', 'score', 'tensor'] as const;

export const modelSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('model'),
    created: z.number().int(),
    owned_by: z.string(),
    licence: z.string(),
    architecture: z.string().optional(),
    preset: z.string().optional(),
    context_length: z.number().int().optional(),
    trained_context_length: z.number().int().optional(),
    parent: z.string().optional().describe('the model that an adapter changes'),
    thimble: z
      .strictObject({
        kind: z
          .enum(Object.values(PUBLIC_KINDS))
          .describe('kind of model, which decides what endpoints take it'),
        name: z.string(),
        context: z
          .strictObject({
            served: z.number().int().describe('most tokens of prompt and answer together'),
            trained: z.number().int(),
          })
          .optional(),
        modalities: z.strictObject({
          input: z.array(z.enum(MODALITIES)),
          output: z.array(z.enum(MODALITIES)),
        }),
        licence: z.string(),
        chat_template: z.boolean().optional(),
        quantization: z
          .strictObject({
            preset: z.string(),
            bits_per_weight: z.number(),
            bytes_by_type: z.record(z.string(), z.number().int()),
          })
          .optional(),
        memory: z
          .strictObject({
            weight_bytes: z.number().int(),
            wasm_bytes: z.number().int(),
            total_bytes: z.number().int(),
          })
          .nullable()
          .optional()
          .describe('memory of one isolate; null when the model does not fit one'),
        adapter: z
          .strictObject({
            rank: z.number().int(),
            alpha: z.number(),
            projections: z.array(z.string()),
            invocation_tokens: z
              .array(z.number().int())
              .nullable()
              .describe('tokens from whose last occurrence on it applies; null for everywhere'),
            prefix_tokens: z
              .number()
              .int()
              .describe('positions of a trained prefix, which every text begins with; 0 for none'),
            image_encoder: z
              .string()
              .nullable()
              .describe('the model that its eyes see through; null for one that reads text alone'),
            bytes: z.number().int(),
          })
          .optional()
          .describe('of models that are an adapter over another'),
      })
      .describe('extension'),
  })
  .meta({ id: 'Model' });
