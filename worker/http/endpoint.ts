/**
 * What an endpoint is: a row of the table in worker/gateway/endpoints.ts. One file per endpoint, with
 * all that the server, /openapi.json, /docs and the tests need to know about it.
 */
import type { z } from 'zod';
import type { ServingEnv } from '../serving/env.ts';
import type { RequestRecord } from './observe/record.ts';
import type { ErrorStyle } from './error-response.ts';
import type { RefusedParameter } from './body/refused.ts';
import type { Caller, Scope } from '../platform/caller.ts';
import type { Client } from '../platform/client.ts';

export type Tag =
  | 'generation'
  | 'responses'
  | 'conversations'
  | 'messages'
  | 'ollama'
  | 'batches'
  | 'fine-tuning'
  | 'tasks'
  | 'retrieval'
  | 'audio'
  | 'images'
  | 'onnx'
  | 'mcp'
  | 'models'
  | 'text'
  | 'sessions'
  | 'subjects'
  | 'server';

export interface EndpointContext<Body, Env = ServingEnv> {
  readonly request: Request;
  /** The script's bindings that the row needs. */
  readonly env: Env;
  readonly caller: Caller;
  /** Named parts of the path. */
  readonly params: Readonly<Record<string, string>>;
  /** Body checked by the row's schema; undefined without one. */
  readonly body: Body;
  /** Collects what metrics and the log report about this request. */
  readonly record: RequestRecord;
  readonly site: Site;
  /** Sends JSON to another row, for the same caller. */
  readonly ask: Ask;
  /** Sends a request to any other row, for the same caller. */
  readonly askRow: AskRow;
  /** Whoever sent the request, as an answer that is made whole sees it. */
  readonly client: Client;
  /** Lets something end after the answer. */
  readonly waitUntil: WaitUntil;
}

/**
 * A request that this server sends to one of its own endpoints, with the same checks as from outside.
 * @param path of the row, without parameters; the method is POST
 * @throws {EngineError} E_NOT_FOUND for a path that no row has
 */
export type Ask = (path: string, body: unknown, signal: AbortSignal | null) => Promise<Response>;

/** What a request to one of the server's own rows holds; a body or a form, as the row takes. */
export interface OwnRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly form?: FormData;
}

/** Like `Ask`, for rows of any method. @param name of the row @throws {EngineError} E_NOT_FOUND */
export type AskRow = (
  name: string,
  given: OwnRequest,
  signal: AbortSignal | null,
) => Promise<Response>;

export type WaitUntil = (promise: Promise<unknown>) => void;

/** What endpoints that describe the others need. */
export interface Site {
  readonly endpoints: readonly EndpointFacts[];
  /** HTML of the pages, which only the bundle can import. */
  readonly pages: Readonly<Record<'chat' | 'docs', string>>;
}

export interface ResponseRow {
  readonly status: number;
  readonly what: string;
  /** Schema of the JSON body; none for other content types. */
  readonly schema?: z.ZodType;
  /** Schema of the JSON in each server-sent event, when the request says `"stream": true`. */
  readonly event?: z.ZodType;
  /** Type of a body that is neither JSON nor events. */
  readonly contentType?: string;
}

/** Fields of a form (multipart/form-data): values, and files with name and content. */
export type Form = Readonly<
  Record<string, string | { readonly filename: string; readonly text: string }>
>;

/** A request that works against a server with one model, for the reference. Tests run every one. */
export interface Example {
  readonly title: string;
  /** `$id` stands for the `id` in the answer of the last request of `before`. */
  readonly body?: Readonly<Record<string, unknown>>;
  readonly form?: Form;
  /** Path parameters; `$id` as in the body. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Requests that must be sent first, each with a body or a form. */
  readonly before?: readonly (Pick<Example, 'body' | 'form'> & { readonly path: string })[];
  /** Expected status; 200 by default. */
  readonly status?: number;
}

export interface EndpointRow<Schema extends z.ZodObject | undefined, Env = ServingEnv> {
  /** Id of the operation; also its name in metrics and the log. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `:name` is a named part. */
  readonly path: string;
  readonly tag: Tag;
  /** What a caller must be allowed to do; null for what is open to everyone. */
  readonly scope: Scope | null;
  /** The page that the row answers with. It holds no data: a browser without a key gets it, too, to ask for one. */
  readonly page?: keyof Site['pages'];
  readonly summary: string;
  readonly description?: string;
  /** What each named part of the path is. */
  readonly params?: Readonly<Record<string, string>>;
  /** What each query parameter is. */
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Schema;
  /** The body may hold pictures, so that it may be larger. */
  readonly takesPictures?: boolean;
  /** What is done with the JSON of a body before the schema checks it. @throws {EngineError} E_REQUEST_INVALID */
  readonly adapt?: (json: unknown) => unknown;
  /** Fields of a form that takes the place of a body; the handler reads it as it arrives. */
  readonly form?: z.ZodObject;
  /** Known parameters that are refused by name. */
  readonly refused?: readonly RefusedParameter[];
  readonly responses: readonly ResponseRow[];
  readonly examples: readonly Example[];
  /** The API whose error object the endpoint answers with. */
  readonly errors?: ErrorStyle;
  handle(
    context: EndpointContext<Schema extends z.ZodObject ? z.output<Schema> : undefined, Env>,
  ): Response | Promise<Response>;
}

/** A row without its handler. */
export type EndpointFacts = Omit<EndpointRow<z.ZodObject | undefined>, 'handle'>;

/** A row whose type forgets its body: `handle` gets what `body` made of the request. */
export interface Endpoint<Env = ServingEnv> extends EndpointFacts {
  readonly handle: (context: EndpointContext<unknown, Env>) => Response | Promise<Response>;
}

/** Defines rows that need no bindings beyond those of serving. */
export const defineEndpoint = endpointWith<ServingEnv>();

/** Defines rows that need the bindings of `Env`. */
export function endpointWith<Env>() {
  return function define<Schema extends z.ZodObject | undefined = undefined>(
    row: EndpointRow<Schema, Env>,
  ): Endpoint<Env> {
    // Sound because dispatch gives `handle` what `body` returned, and nothing else calls it.
    return row as Endpoint<Env>;
  };
}
