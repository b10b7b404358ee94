/** Answer of an endpoint that deletes something, in OpenAI's shape. */
import { z } from 'zod';
import type { ResponseRow } from './endpoint.ts';

/** The row of an endpoint that answers with `deletedJson`. */
export function deletedRow(object: string): ResponseRow {
  const schema = z.strictObject({
    id: z.string(),
    object: z.literal(object),
    deleted: z.literal(true),
  });
  return { status: 200, what: 'deleted', schema };
}

export function deletedJson(object: string, id: string): Response {
  return Response.json({ id, object, deleted: true });
}
