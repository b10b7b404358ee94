/** One request through its row: body read and checked, handler, errors in the row's shape, record. */
import { EngineError } from '../../engine/base/errors.ts';
import type { Caller } from '../platform/caller.ts';
import type { Ask, Endpoint, EndpointFacts, Site } from './endpoint.ts';
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
  const record = new RequestRecord(endpoint.method, endpoint.name);
  let ignored: readonly string[] = [];
  let response: Response;
  try {
    const read = await readBody(endpoint, call.request);
    ignored = read.ignored;
    const ask = askOf(site, call.env, call.caller, call.request.url);
    response = await endpoint.handle({ ...call, body: read.body, record, site, ask });
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

/** Asks a site's own rows for `caller`: what sockets and batches do. */
export function askOf<Env>(
  site: RunnableSite<Env>,
  env: Env,
  caller: Caller,
  baseUrl = 'https://thimble',
): Ask {
  return async (path, body, signal) => {
    const endpoint = site.endpoints.find((row) => row.method === 'POST' && row.path === path);
    if (endpoint === undefined)
      throw new EngineError('E_NOT_FOUND', `${path.slice(0, 80)}: no such address.`);
    const request = new Request(new URL(path, baseUrl), {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      ...{ body: JSON.stringify(body), signal },
    });
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
