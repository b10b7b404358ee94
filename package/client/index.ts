/**
 * `thimble/client`: a small client for endpoints that OpenAI's SDK does not know: sessions, collections, tasks,
 * tokens. Only `fetch` is needed. For chat, embeddings and audio give OpenAI's SDK the address with `/v1`.
 */
import type {
  AddedDocument,
  Collection,
  CollectionDocument,
  CreateCollection,
  Message,
  NewDocument,
  Rating,
  RenderedPrompt,
  SearchOptions,
  SearchResult,
  StoredSession,
  TaskName,
  Tasks,
} from './types.ts';

export type * from './types.ts';

export interface ClientOptions {
  /** Address of the server, with the path that the gateway is mounted at but without `/v1`. */
  readonly baseUrl: string | URL;
  readonly apiKey?: string;
  /** Instead of the global one: `app.request` of a Hono app, a service binding's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response> | Response;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** What the server answered instead of what was asked for. Codes: docs/errors.md. */
export class ThimbleError extends Error {
  override readonly name = 'ThimbleError';
  readonly status: number;
  /** `E_...`; null where the answer did not come from Thimble. */
  readonly code: string | null;
  /** The field that is wrong. */
  readonly param: string | null;
  /** For support; every line of the server's log about the request has it. */
  readonly requestId: string | null;

  constructor(
    message: string,
    facts: Pick<ThimbleError, 'status' | 'code' | 'param' | 'requestId'>,
  ) {
    super(message);
    this.status = facts.status;
    this.code = facts.code;
    this.param = facts.param;
    this.requestId = facts.requestId;
  }
}

type Method = 'GET' | 'POST' | 'DELETE';

interface ListAnswer<T> {
  data: T[];
}

export class ThimbleClient {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #fetch: NonNullable<ClientOptions['fetch']>;

  constructor({ baseUrl, apiKey, fetch: ask }: ClientOptions) {
    this.#base = String(baseUrl).replace(/\/+$/, '');
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    // A browser's fetch must not be called as a method of something else.
    this.#fetch = ask ?? ((url, init) => fetch(url, init));
  }

  /** Conversations that the server keeps: chat requests with `session: id` add to them. */
  readonly sessions = {
    get: (id: string, options?: CallOptions): Promise<StoredSession> =>
      this.#ask('GET', `/v1/sessions/${encodeURIComponent(id)}`, undefined, options),
    delete: async (id: string, options?: CallOptions): Promise<void> => {
      await this.#ask('DELETE', `/v1/sessions/${encodeURIComponent(id)}`, undefined, options);
    },
    /** Whether a model may be trained from it. */
    allowTraining: async (id: string, allow: boolean, options?: CallOptions): Promise<void> => {
      const body = { allow_training: allow };
      await this.#ask('POST', `/v1/sessions/${encodeURIComponent(id)}`, body, options);
    },
    /** Rates an answer; rated again, the last rating counts. */
    rate: (
      id: string,
      rating: Pick<Rating, 'turn' | 'rating'> & { better?: string },
      options?: CallOptions,
    ): Promise<Rating> =>
      this.#ask('POST', `/v1/sessions/${encodeURIComponent(id)}/feedback`, rating, options),
    /** Takes the rating of an answer back. */
    unrate: async (id: string, turn: number, options?: CallOptions): Promise<void> => {
      const path = `/v1/sessions/${encodeURIComponent(id)}/feedback/${turn}`;
      await this.#ask('DELETE', path, undefined, options);
    },
  };

  /** Documents that can be searched, and that chat requests with `retrieval` answer from. */
  readonly collections = {
    create: (request: CreateCollection, options?: CallOptions): Promise<Collection> =>
      this.#ask('POST', '/v1/collections', request, options),
    list: async (options?: CallOptions): Promise<string[]> => {
      const { data } = await this.#ask<ListAnswer<{ name: string }>>(
        ...(['GET', '/v1/collections', undefined, options] as const),
      );
      return data.map(({ name }) => name);
    },
    get: (name: string, options?: CallOptions): Promise<Collection> =>
      this.#ask('GET', pathOf(name), undefined, options),
    delete: async (name: string, options?: CallOptions): Promise<void> => {
      await this.#ask('DELETE', pathOf(name), undefined, options);
    },
    /** Adds documents, replacing those with the same ids; each answer says whether it is in. */
    add: async (
      name: string,
      documents: readonly NewDocument[],
      options?: CallOptions,
    ): Promise<AddedDocument[]> => {
      const path = `${pathOf(name)}/documents`;
      return (await this.#ask<ListAnswer<AddedDocument>>('POST', path, { documents }, options))
        .data;
    },
    document: (name: string, id: string, options?: CallOptions): Promise<CollectionDocument> =>
      this.#ask('GET', documentPath(name, id), undefined, options),
    deleteDocument: async (name: string, id: string, options?: CallOptions): Promise<void> => {
      await this.#ask('DELETE', documentPath(name, id), undefined, options);
    },
    /** Passages, the best first. */
    search: async (
      name: string,
      query: string,
      { signal, ...request }: SearchOptions & CallOptions = {},
    ): Promise<SearchResult[]> => {
      const body = { query, ...request };
      const options = signal === undefined ? {} : { signal };
      const path = `${pathOf(name)}/search`;
      return (await this.#ask<ListAnswer<SearchResult>>('POST', path, body, options)).data;
    },
  };

  /** Runs a task: `summarize`, `translate`, `extract`, `classify`, `rewrite`, `answer`, `caption`, `vqa` or `read`. */
  task<Name extends TaskName>(
    name: Name,
    request: Tasks[Name]['request'],
    options?: CallOptions,
  ): Promise<Tasks[Name]['answer']> {
    return this.#ask('POST', `/v1/tasks/${name}`, request, options);
  }

  /** Token ids of a text. */
  async tokenize(
    text: string,
    { signal, model }: CallOptions & { readonly model?: string } = {},
  ): Promise<number[]> {
    const body = { text, model };
    return (await this.#ask<{ tokens: number[] }>('POST', '/tokenize', body, { signal })).tokens;
  }

  /** The text of token ids. */
  async detokenize(
    tokens: readonly number[],
    { signal, model }: CallOptions & { readonly model?: string } = {},
  ): Promise<string> {
    const body = { tokens, model };
    return (await this.#ask<{ text: string }>('POST', '/detokenize', body, { signal })).text;
  }

  /** The prompt that a model sees of messages. */
  applyTemplate(
    messages: readonly Message[],
    { signal, model }: CallOptions & { readonly model?: string } = {},
  ): Promise<RenderedPrompt> {
    return this.#ask('POST', '/apply-template', { messages, model }, { signal });
  }

  async #ask<T>(
    method: Method,
    path: string,
    body?: unknown,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const hasBody = body !== undefined;
    const response = await this.#fetch(`${this.#base}${path}`, {
      method,
      headers: { ...this.#headers, ...(hasBody ? { 'content-type': 'application/json' } : {}) },
      ...(hasBody ? { body: JSON.stringify(body) } : {}),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    if (!response.ok) throw errorOf(response, text);
    return JSON.parse(text) as T;
  }
}

function pathOf(collection: string): string {
  return `/v1/collections/${encodeURIComponent(collection)}`;
}

function documentPath(collection: string, id: string): string {
  return `${pathOf(collection)}/documents/${encodeURIComponent(id)}`;
}

function errorOf({ status, headers }: Response, text: string): ThimbleError {
  const error = parseError(text);
  return new ThimbleError(error?.message ?? `expected an answer of Thimble, got status ${status}`, {
    status,
    code: error?.code ?? null,
    param: error?.param ?? null,
    requestId: headers.get('x-request-id'),
  });
}

function parseError(text: string): { message?: string; code?: string; param?: string } | null {
  try {
    return (
      (JSON.parse(text) as { error?: { message?: string; code?: string; param?: string } }).error ??
      null
    );
  } catch {
    return null;
  }
}
