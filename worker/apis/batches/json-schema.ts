/** Files and batches in OpenAI's shapes. */
import { z } from 'zod';
import { MAX_FILE_BYTES } from '../files/upload.ts';
import { UPLOAD_PURPOSES } from '../files/stored-file.ts';
import { metadataField, strictField } from '../../serving/fields/common.ts';
import type { RefusedParameter } from '../../http/body/refused.ts';

/** Endpoints that lines may use: those of POST whose answers come whole. */
export const BATCH_ENDPOINTS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/responses',
  '/v1/messages',
  '/tokenize',
  '/detokenize',
  '/apply-template',
] as const;

export const batchBodySchema = z
  .looseObject({
    input_file_id: z.string(),
    endpoint: z.enum(BATCH_ENDPOINTS),
    completion_window: z.literal('24h'),
    metadata: metadataField.optional(),
    strict: strictField,
  })
  .meta({ id: 'BatchRequest' });

export const BATCH_REFUSED: readonly RefusedParameter[] = [{ name: 'output_expires_after' }];

const time = z.number().int().nullable();
const count = z.number().int();

const batchErrorSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  param: z.string().nullable(),
  line: z.number().int().nullable(),
});
export type BatchErrorJson = z.output<typeof batchErrorSchema>;

export const batchSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.string(),
    errors: z
      .strictObject({ object: z.literal('list'), data: z.array(batchErrorSchema) })
      .nullable()
      .describe('why the batch as a whole failed; lines that fail are in the error file'),
    input_file_id: z.string(),
    completion_window: z.literal('24h'),
    status: z.enum([
      ...(['validating', 'failed', 'in_progress', 'finalizing'] as const),
      ...(['completed', 'expired', 'cancelling', 'cancelled'] as const),
    ]),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: count,
    in_progress_at: time,
    expires_at: count,
    finalizing_at: time,
    completed_at: time,
    failed_at: time,
    expired_at: time,
    cancelling_at: time,
    cancelled_at: time,
    request_counts: z.strictObject({ total: count, completed: count, failed: count }),
    metadata: z.record(z.string(), z.string()).nullable(),
  })
  .meta({ id: 'Batch' });
export type BatchJson = z.output<typeof batchSchema>;

export const uploadFormSchema = z
  .strictObject({
    file: z
      .string()
      .meta({ format: 'binary' })
      .describe(`for batches a request per line, at most ${MAX_FILE_BYTES} bytes`),
    purpose: z
      .enum(UPLOAD_PURPOSES)
      .describe(
        '"batch" for requests, "fine-tune" for rows to learn from, the others for files of vector stores',
      ),
  })
  .meta({ id: 'FileForm' });

export const fileSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('file'),
    bytes: count,
    created_at: count,
    filename: z.string(),
    purpose: z.enum([...UPLOAD_PURPOSES, 'batch_output', 'fine-tune-results']),
    status: z.literal('processed'),
  })
  .meta({ id: 'File' });
