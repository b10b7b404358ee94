/** Runs a request through its row: checks the body, calls the handler, shapes errors, keeps the record. */
import { EngineError } from '../../engine/base/errors.ts';
import { callerOf } from '../platform/caller.ts';
import type { Caller } from '../platform/caller.ts';
import type { Ask, Endpoint, EndpointFacts, Site } from './endpoint.ts';
import { failedResponse } from './error-response.ts';
import { markOwn } from './kept-alive.ts';
import { RequestRecord } from './observe/record.ts';
import { checkBody, readJson } from './body/json-body.ts';
import { refuseParameters } from './body/refused.ts';
import {
  IGNORED_HEADER,
  ignoredHeader,
  refuseWhenStrict,
  unknownFields,
} from './body/unknown-fields.ts';

/** OpenAI's name; every line of the log that belongs to the request has the same id. */
export const REQUEST_ID_HEADER = 'x-request-id';

export interface Call<Env> {
  readonly request: Request;
  readonly env: Env;
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
}

/** A site whose rows can be run. */
export interface RunnableSite<Env> extends Site {
  readonly endpoints: readonly Endpoint<Env>[];
}

export async function dispatch<Env>(
  endpoint: Endpoint<Env>,
  call: Call<Env>,
  site: RunnableSite<Env>,
): Promise<Response> {
  const record = new RequestRecord(endpoint.method, endpoint.name, call.caller);
  let ignored: readonly string[] = [];
  let response: Response;
  try {
    const read = await readBody(endpoint, call.request);
    ignored = read.ignored;
    const ask = askOf(site, call.env, call.caller.subject, call.request.url);
    response = await endpoint.handle({ ...call, body: read.body, record, site, ask });
  } catch (error) {
    response = failedResponse(error, record, endpoint.errors);
  }
  record.headersSent(response.status);
  return withHeaders(response, {
    [REQUEST_ID_HEADER]: record.requestId,
    ...(ignored.length === 0 ? {} : { [IGNORED_HEADER]: ignoredHeader(ignored) }),
  });
}

/**
 * Headers of a response from an object cannot be changed, so that one is copied; copying every response
 * would send its body through one more stream. A WebSocket's response stays as it is.
 */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  if (response.status === 101) return response;
  try {
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    return response;
  } catch {
    const copy = new Response(response.body, response);
    for (const [name, value] of Object.entries(headers)) copy.headers.set(name, value);
    return copy;
  }
}

/** Sends requests to a site's own rows for a caller, as sockets and batches do. */
export function askOf<Env>(
  site: RunnableSite<Env>,
  env: Env,
  subject: string,
  baseUrl = 'https://thimble',
): Ask {
  return async (path, body, signal) => {
    const endpoint = site.endpoints.find((row) => row.method === 'POST' && row.path === path);
    if (endpoint === undefined)
      throw new EngineError('E_NOT_FOUND', `${path.slice(0, 80)}: no such path.`);
    const request = new Request(new URL(path, baseUrl), {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      ...{ body: JSON.stringify(body), signal },
    });
    markOwn(request.signal);
    const caller = callerOf(subject);
    return await dispatch(endpoint, { request, env, caller, params: {} }, site);
  };
}

async function readBody(
  { body: schema, refused = [] }: EndpointFacts,
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
