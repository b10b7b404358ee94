/** The conversation of a response: what its predecessor answered, that answer, and the new items. */
import { EngineError } from '../../engine/base/errors.ts';
import type { GatewayEnv } from './env.ts';
import type { InputItemJson, ResponseBody, ResponseJson } from './schemas/responses.ts';
import { newItemId } from './shapes/response.ts';

export function newResponseId(): string {
  return `resp_${crypto.randomUUID().replaceAll('-', '')}`;
}

/** @throws {EngineError} E_REQUEST_INVALID when there is no such predecessor, or it is not done. */
export async function readConversation(
  env: Pick<GatewayEnv, 'RESPONSES'>,
  previousId: string | undefined,
): Promise<InputItemJson[]> {
  if (previousId === undefined) return [];
  const object = env.RESPONSES.getByName(previousId);
  const [input, text] = await Promise.all([object.readInput(), object.read()]);
  if (input === null || text === null)
    throw wrongPredecessor(`expected the id of a stored response, got ${previousId}`);
  const previous = JSON.parse(text) as ResponseJson;
  if (previous.status !== 'completed' && previous.status !== 'incomplete')
    throw wrongPredecessor(`expected a response that is done; ${previousId} is ${previous.status}`);
  const output = previous.output.map(({ id, content }): InputItemJson => ({
    ...{ id, type: 'message', status: 'completed', role: 'assistant' },
    // Log-probabilities belong to the answer, not to the conversation.
    content: content.map((part) => ({ ...part, logprobs: [] })),
  }));
  return [...(JSON.parse(input) as InputItemJson[]), ...output];
}

function wrongPredecessor(what: string): EngineError {
  const param = 'previous_response_id';
  return new EngineError('E_REQUEST_INVALID', `${param}: ${what}.`, { param });
}

export function newItems(input: ResponseBody['input']): InputItemJson[] {
  return input.map(({ role, content }) => ({
    ...{ id: newItemId(), type: 'message', status: 'completed', role },
    content: [
      role === 'assistant'
        ? { type: 'output_text', text: content, annotations: [], logprobs: [] }
        : { type: 'input_text', text: content },
    ],
  }));
}

/** @throws {EngineError} E_NOT_FOUND */
export function responseNotFound(id: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `response: no response ${JSON.stringify(id.slice(0, 80))}; it was deleted, is older than 30 days, or was not stored.`,
    { param: 'response_id' },
  );
}
