/** Requests with a key, and answers read to their end. */

/** A request that is not answered by then never will be: it counts as one without an answer. */
const MAX_WAIT_MS = 120_000;

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** A request that got no whole answer: whether it was carried out is not known. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

export class KeyClient {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /** GET without a body. @throws {NoAnswerError} */
  async ask(
    path: string,
    body?: object,
    method: string = body === undefined ? 'GET' : 'POST',
    onChunk?: (text: string) => void,
  ): Promise<Answered> {
    const isForm = body instanceof FormData;
    try {
      const response = await fetch(this.#url + path, {
        method,
        headers: {
          authorization: `Bearer ${this.#key}`,
          ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
        },
        signal: AbortSignal.timeout(MAX_WAIT_MS),
        ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
      });
      const { status, headers } = response;
      const text = await readText(response, onChunk);
      return { status, text, headers };
    } catch (cause) {
      throw new NoAnswerError(`${method} ${path}: no answer`, { cause });
    }
  }
}

async function readText(response: Response, onChunk?: (text: string) => void): Promise<string> {
  if (onChunk === undefined) return await response.text();
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    const part = decoder.decode(chunk as Uint8Array, { stream: true });
    text += part;
    onChunk(part);
  }
  return text;
}

/** A form with a file, as /v1/files takes it. */
export function fileForm(filename: string, content: string, purpose = 'batch'): FormData {
  const form = new FormData();
  form.set('purpose', purpose);
  form.set('file', new Blob([content]), filename);
  return form;
}
