/** One request through its row: body read and checked, handler, errors in the row's shape, record. */
import type { Endpoint, Site } from './endpoint.ts';
import type { GatewayEnv } from '../gateway/env.ts';
import { errorResponse, recordForClient } from './error-response.ts';
import { RequestRecord } from './observe/record.ts';
import { checkBody, readJson } from './body/json-body.ts';
import { refuseParameters } from './body/refused.ts';
import {
  IGNORED_HEADER,
  ignoredHeader,
  refuseWhenStrict,
  unknownFields,
} from './body/unknown-fields.ts';

interface Call {
  readonly request: Request;
  readonly env: GatewayEnv;
  readonly params: Readonly<Record<string, string>>;
}

export async function dispatch(endpoint: Endpoint, call: Call, site: Site): Promise<Response> {
  const record = new RequestRecord(endpoint.method, endpoint.name);
  let ignored: readonly string[] = [];
  let response: Response;
  try {
    const read = await readBody(endpoint, call.request);
    ignored = read.ignored;
    response = await endpoint.handle({ ...call, body: read.body, record, site });
  } catch (error) {
    record.fail(recordForClient(error).code);
    response = errorResponse(error, endpoint.errors);
  }
  record.headersSent(response.status);
  if (ignored.length === 0) return response;
  const marked = new Response(response.body, response);
  marked.headers.set(IGNORED_HEADER, ignoredHeader(ignored));
  return marked;
}

async function readBody(
  { body: schema, refused = [] }: Endpoint,
  request: Request,
): Promise<{ body: unknown; ignored: readonly string[] }> {
  if (schema === undefined) return { body: undefined, ignored: [] };
  const json = await readJson(request);
  refuseParameters(json, refused);
  const body = checkBody(json, schema);
  const ignored = unknownFields(json as object, schema, refused);
  refuseWhenStrict(body, ignored);
  return { body, ignored };
}
