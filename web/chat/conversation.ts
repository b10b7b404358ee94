/** The turns so far: kept in this page, or on the server in a session. */
import { fetchWithKey } from '../access/key.ts';
import type { ChatMessage, ChatRequest } from './chat-stream.ts';

export class Conversation {
  readonly #messages: ChatMessage[] = [];
  #session: string | null = null;

  /** What asks the next question. */
  request(question: ChatMessage, isKeptByServer: boolean): ChatRequest {
    if (!isKeptByServer) return { messages: [...this.#messages, question] };
    this.#session ??= crypto.randomUUID();
    return { session: this.#session, messages: [question] };
  }

  /** A turn that the server does not keep. */
  keep(question: ChatMessage, answer: string): void {
    this.#messages.push(question, { role: 'assistant', content: answer });
  }

  /** The server forgets it, too. */
  end(): void {
    if (this.#session !== null)
      void fetchWithKey(`/v1/sessions/${this.#session}`, { method: 'DELETE' });
  }
}
