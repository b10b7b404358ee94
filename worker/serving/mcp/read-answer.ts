/** What an MCP server answers a message with: JSON, or events of which one is the answer. Hostile input: bounded. */
import { checkJson } from './check-json.ts';
import { McpFailure } from './failure.ts';

/** Most bytes of an answer, events before it included. */
export const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

/** @throws {McpFailure} */
export async function readRpcAnswer(response: Response, id: number): Promise<unknown> {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    for await (const data of eventTexts(response)) {
      const message = checkJson(data);
      if (isAnswerTo(message, id)) return message;
    }
    throw new McpFailure('protocol', 'its events ended without an answer');
  }
  if (!type.startsWith('application/json'))
    throw new McpFailure(
      'protocol',
      `expected JSON or events, got ${JSON.stringify(type.slice(0, 80))}`,
    );
  let text = '';
  for await (const part of boundedText(response)) text += part;
  const message = checkJson(text);
  // Servers of 2025-03-26 may answer with a list.
  const all: readonly unknown[] = Array.isArray(message) ? message : [message];
  const answer = all.find((one) => isAnswerTo(one, id));
  if (answer !== undefined) return answer;
  throw new McpFailure('protocol', 'it answered another message');
}

function isAnswerTo(message: unknown, id: number): boolean {
  return typeof message === 'object' && message !== null && 'id' in message && message.id === id;
}

/** The data of each server-sent event. */
async function* eventTexts(response: Response): AsyncGenerator<string, void, void> {
  let rest = '';
  let data: string[] = [];
  for await (const part of boundedText(response)) {
    const lines = (rest + part).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      if (line !== '' || data.length === 0) continue;
      const text = data.join('\n');
      data = [];
      // An event without data only says where to go on.
      if (text !== '') yield text;
    }
  }
}

/** Leaving it early cancels the answer. @throws {McpFailure} for one that is too large */
async function* boundedText(response: Response): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let nBytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    nBytes += chunk.length;
    if (nBytes > MAX_ANSWER_BYTES)
      throw new McpFailure('protocol', `its answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    yield decoder.decode(chunk, { stream: true });
  }
}
