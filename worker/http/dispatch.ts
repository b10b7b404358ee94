/** Runs a request through its row: checks the body, calls the handler, shapes errors, keeps the record. */
import { EngineError } from '../../engine/base/errors.ts';
import { gateOfCaller } from '../access/gate.ts';
import type { Gate } from '../access/gate.ts';
import { newRequestId } from '../platform/caller.ts';
import type { Caller } from '../platform/caller.ts';
import type { ServingEnv } from '../serving/env.ts';
import { passiveNames } from '../serving/fields/passive.ts';
import { requireJson } from './body/content-type.ts';
import { drainRefused } from './body/drain.ts';
import {
  bodyTooLarge,
  checkBody,
  MAX_BODY_BYTES,
  MAX_PICTURE_BODY_BYTES,
  parseJsonBody,
  readText,
} from './body/json-body.ts';
import { textBytes } from './body/picture-bytes.ts';
import { withOwnModel } from './body/model-name.ts';
import { refuseParameters } from './body/refused.ts';
import {
  IGNORED_HEADER,
  ignoredHeader,
  refuseWhenStrict,
  unknownFields,
} from './body/unknown-fields.ts';
import type {
  Ask,
  AskRow,
  Endpoint,
  EndpointFacts,
  OwnRequest,
  Site,
  WaitUntil,
} from './endpoint.ts';
import { failedResponse } from './error-response.ts';
import { markOwn, watched } from './kept-alive.ts';
import { RequestRecord } from './observe/record.ts';
import { pageResponse } from './page-response.ts';
import { rateHeaders } from './rate-headers.ts';
import { REQUEST_ID_HEADER } from './screen.ts';
import { settleAtEnd, wantOf } from './usage.ts';
import { withHeaders } from './with-headers.ts';

/** Where Anthropic's clients look for the request's id. */
const ANTHROPIC_ID_HEADER = 'request-id';

export interface Call<Env> {
  readonly request: Request;
  readonly env: Env;
  readonly requestId: string;
  readonly gate: Gate;
  readonly waitUntil: WaitUntil;
  readonly params: Readonly<Record<string, string>>;
}

/** A site whose rows can be run. */
export interface RunnableSite<Env> extends Site {
  readonly endpoints: readonly Endpoint<Env>[];
}

export async function dispatch<Env extends ServingEnv>(
  endpoint: Endpoint<Env>,
  call: Call<Env>,
  site: RunnableSite<Env>,
): Promise<Response> {
  const record = new RequestRecord(endpoint.method, endpoint.name, call);
  const headers: Record<string, string> = { [REQUEST_ID_HEADER]: call.requestId };
  if (endpoint.errors === 'anthropic') headers[ANTHROPIC_ID_HEADER] = call.requestId;
  let response: Response;
  try {
    response = await run(endpoint, call, site, record, headers);
  } catch (error) {
    await drainRefused(call.request);
    response =
      refusedPage(endpoint, call.request, error, site) ??
      failedResponse(error, record, endpoint.errors);
  }
  record.headersSent(response.status);
  return withHeaders(response, headers);
}

/** @param headers gets those of the answer, whether it fails or not */
async function run<Env extends ServingEnv>(
  endpoint: Endpoint<Env>,
  call: Call<Env>,
  site: RunnableSite<Env>,
  record: RequestRecord,
  headers: Record<string, string>,
): Promise<Response> {
  const { request, env, params, gate, waitUntil } = call;
  const read = await readChecked(endpoint, request, gate);
  const body = await withOwnModel(endpoint.tag, env, read.body);
  const want = await wantOf(endpoint, env, body, read.nBytes);
  const { caller, rates } = await gate.admit(endpoint.scope, want);
  Object.assign(headers, rateHeaders(rates));
  settleAtEnd(record, env, caller, waitUntil);
  if (read.ignored.length > 0) headers[IGNORED_HEADER] = ignoredHeader(read.ignored);
  const ask = askOf(site, env, caller, waitUntil, request.url);
  const askRow = askRowOf(site, env, caller, waitUntil, request.url);
  return await watched(request.signal, record, (client) =>
    endpoint.handle({
      ...{ request, env, params, caller, body, record, site, ask, askRow, waitUntil, client },
    }),
  );
}

const OWN_URL = 'https://thimble';

/** Sends requests to a site's own rows for a caller, as sockets and batches do. */
export function askOf<Env extends ServingEnv>(
  site: RunnableSite<Env>,
  env: Env,
  caller: Caller,
  waitUntil: WaitUntil,
  baseUrl = OWN_URL,
): Ask {
  const askRow = askRowOf(site, env, caller, waitUntil, baseUrl);
  return async (path, body, signal) => {
    const endpoint = site.endpoints.find((row) => row.method === 'POST' && row.path === path);
    if (endpoint === undefined)
      throw new EngineError('E_NOT_FOUND', `${path.slice(0, 80)}: no such path.`);
    return await askRow(endpoint.name, { body }, signal);
  };
}

/** The same for rows of any method, by their names. */
export function askRowOf<Env extends ServingEnv>(
  site: RunnableSite<Env>,
  env: Env,
  caller: Caller,
  waitUntil: WaitUntil,
  baseUrl = OWN_URL,
): AskRow {
  return async (name, given, signal) => {
    const endpoint = site.endpoints.find((row) => row.name === name);
    if (endpoint === undefined)
      throw new EngineError('E_NOT_FOUND', `${name.slice(0, 80)}: no such endpoint.`);
    const request = await ownRequest(endpoint, given, signal, baseUrl);
    markOwn(request.signal);
    const requestId = newRequestId();
    const gate = gateOfCaller(env, { ...caller, requestId });
    const params = given.params ?? {};
    return await dispatch(endpoint, { request, env, requestId, gate, waitUntil, params }, site);
  };
}

async function ownRequest(
  { method, path }: EndpointFacts,
  { params = {}, query = {}, body, form }: OwnRequest,
  signal: AbortSignal | null,
  baseUrl: string,
): Promise<Request> {
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  );
  const url = new URL(filled, baseUrl);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  if (form !== undefined) {
    const encoded = new Response(form);
    const bytes = await encoded.arrayBuffer();
    const headers = {
      'content-type': encoded.headers.get('content-type') ?? '',
      // What the request may use is reserved by it.
      'content-length': String(bytes.byteLength),
    };
    return new Request(url, { method, headers, body: bytes, signal });
  }
  if (body === undefined) return new Request(url, { method, signal });
  const headers = { 'content-type': 'application/json' };
  return new Request(url, { method, headers, body: JSON.stringify(body), signal });
}

interface ReadBody {
  readonly body: unknown;
  readonly nBytes: number;
  readonly ignored: readonly string[];
}

/** Who asks is known before a body is read; a body that is refused counts as a request, too. */
async function readChecked(
  endpoint: EndpointFacts,
  request: Request,
  gate: Gate,
): Promise<ReadBody> {
  const { body: schema, form, scope } = endpoint;
  if (schema === undefined) {
    const nBytes = form === undefined ? 0 : Number(request.headers.get('content-length') ?? 0);
    return { body: undefined, nBytes, ignored: [] };
  }
  await gate.verify();
  try {
    return await readBody(schema, endpoint, request);
  } catch (error) {
    await gate.admit(scope, { tokens: 0, usd: 0, isHeld: false });
    throw error;
  }
}

async function readBody(
  schema: NonNullable<EndpointFacts['body']>,
  { refused = [], adapt = (given) => given, takesPictures = false }: EndpointFacts,
  request: Request,
): Promise<ReadBody> {
  requireJson(request);
  const limit = takesPictures ? MAX_PICTURE_BODY_BYTES : MAX_BODY_BYTES;
  const { text, nBytes: size } = await readText(request, limit);
  const json = adapt(parseJsonBody(text));
  const nBytes = takesPictures ? textBytes(size, json) : size;
  if (nBytes > MAX_BODY_BYTES) throw bodyTooLarge(MAX_BODY_BYTES);
  refuseParameters(json, refused);
  const body = checkBody(json, schema);
  const ignored = unknownFields(json as object, schema, refused);
  refuseWhenStrict(body, ignored);
  return { body, nBytes, ignored: [...ignored, ...passiveNames(json as object, schema)] };
}

/**
 * A browser that opens a page cannot send a key. It gets the page, which holds no data, as the text of the
 * refusal: the page asks for the key. Null for other failures.
 */
function refusedPage<Env>(
  endpoint: Endpoint<Env>,
  request: Request,
  error: unknown,
  { pages }: Site,
): Response | null {
  const isRefused = error instanceof EngineError && error.code === 'E_KEY_INVALID';
  const wantsPage = request.headers.get('accept')?.includes('text/html') === true;
  if (endpoint.page === undefined || !isRefused || !wantsPage) return null;
  return pageResponse(pages[endpoint.page], 401);
}
