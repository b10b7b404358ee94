/** A streamed chat completion, as far as this page reads it (docs/http.md). */
import { postJson, readError, serverSentEvents } from './server.ts';

export interface ChatMessage {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** A message as it is sent: with its pictures. */
export interface SentMessage {
  readonly role: ChatMessage['role'];
  readonly content:
    | string
    | readonly (
        | { readonly type: 'text'; readonly text: string }
        | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }
      )[];
}

export interface ChatRequest {
  readonly model?: string;
  /** Id of a conversation that the server keeps. */
  readonly session?: string;
  /** How long after its last turn the server keeps that conversation. */
  readonly retention_s?: number;
  readonly messages: readonly SentMessage[];
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}
export interface Timings {
  readonly decode_ms: number;
}
export interface SessionReport {
  readonly id: string;
  readonly dropped_messages: number;
  /** Number of the answer, from 1; absent for one that is not kept. */
  readonly turn?: number;
}

export interface ChatChunk {
  readonly choices: readonly {
    readonly delta: { readonly content?: string | null };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: Usage | null;
  readonly timings?: Timings;
  readonly session?: SessionReport;
  /** What the model was told about the pictures. */
  readonly images?: readonly { readonly description: string }[];
}
type ChatEvent = ChatChunk & { readonly error?: { readonly message: string } };

/** @throws {Error} with the server's message; a DOMException named AbortError after `signal`. */
export async function* streamChat(
  request: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatChunk, void, void> {
  const body = {
    ...request,
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0.4,
    top_p: 0.95,
  };
  const response = await postJson('/v1/chat/completions', body, signal);
  if (!response.ok) throw new Error(await readError(response));
  for await (const data of serverSentEvents(response)) {
    if (data === '[DONE]') return;
    const event = JSON.parse(data) as ChatEvent;
    if (event.error !== undefined) throw new Error(event.error.message);
    yield event;
  }
}
