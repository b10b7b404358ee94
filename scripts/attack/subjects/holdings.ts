/** What a caller keeps of each kind, made over HTTP, and the paths under which it lies. */
import { setTimeout } from 'node:timers/promises';
import { EngineError } from '../../../engine/base/errors.ts';
import { fileForm } from '../../lib/key-client.ts';
import type { KeyClient } from '../../lib/key-client.ts';

const MAX_BATCH_MS = 60_000;
const LOOK_MS = 20;
const NOT_HERE = 501;

/** Ids of what a caller keeps, by the path that takes them; second ids of paths by their names there, such as `:document`. */
export type Holdings = Readonly<Record<string, string>>;

/**
 * Keeps one of everything; a fine-tuning job only where the server trains. `word` stands in every text and in every name that the caller chooses.
 * @throws {EngineError} E_INTERNAL when the server does not take it
 */
export async function keepEverything(
  client: KeyClient,
  subject: string,
  word: string,
): Promise<Holdings> {
  const made = async (path: string, body: object): Promise<string> => {
    const { status, text } = await client.ask(path, body);
    if (status !== 200) throw new EngineError('E_INTERNAL', `${path}: ${status} ${text}`);
    return (JSON.parse(text) as { id: string }).id;
  };
  const messages = [{ role: 'user', content: `Remember ${word}` }];
  await made('/v1/chat/completions', { messages, max_tokens: 2, session: `${word}-session` });
  const rated = { turn: 1, rating: 'down', better: `Better ${word}` };
  await made(`/v1/sessions/${word}-session/feedback`, rated);
  const response = await made('/v1/responses', { input: word, max_output_tokens: 2 });
  await made('/v1/collections', { name: `${word}-notes` });
  const documents = [{ id: `${word}-document`, content: `A note about ${word}.` }];
  await made(`/v1/collections/${word}-notes/documents`, { documents });
  const notes = await made(
    '/v1/files',
    fileForm(`${word}.md`, `# ${word}\n\nA note.`, 'assistants'),
  );
  const store = await made('/v1/vector_stores', { name: word, file_ids: [notes] });
  const line = { custom_id: word, method: 'POST', url: '/v1/completions' };
  const content = JSON.stringify({ ...line, body: { prompt: word, max_tokens: 1 } });
  const file = await made('/v1/files', fileForm(`${word}.jsonl`, content));
  const batch = await made('/v1/batches', {
    ...{ input_file_id: file, endpoint: '/v1/completions', completion_window: '24h' },
  });
  const requests = [{ custom_id: 'a', params: { messages, max_tokens: 2 } }];
  const messageBatch = await made('/v1/messages/batches', { requests });
  await untilEnded(client, `/v1/messages/batches/${messageBatch}`);
  const completion = await made('/v1/chat/completions', { messages, max_tokens: 2, store: true });
  const rows = JSON.stringify({ prompt: word, completion: word });
  const job = await cancelledJob(
    client,
    await made('/v1/files', fileForm(`${word}-rows.jsonl`, rows, 'fine-tune')),
  );
  const items = [{ role: 'user', content: word }];
  const conversation = await made('/v1/conversations', { items, metadata: { word } });
  const { text } = await client.ask(`/v1/conversations/${conversation}/items`);
  const [item] = (JSON.parse(text) as { data: readonly { id: string }[] }).data;
  return {
    '/v1/chat/completions/:id': completion,
    '/v1/vector_stores/:id': store,
    ':file': notes,
    '/v1/conversations/:id': conversation,
    ':item': item!.id,
    '/v1/messages/batches/:id': messageBatch,
    '/v1/sessions/:id': `${word}-session`,
    '/v1/responses/:id': response,
    '/v1/collections/:name': `${word}-notes`,
    ':document': `${word}-document`,
    '/v1/files/:id': file,
    '/v1/batches/:id': batch,
    '/v1/subjects/:id': subject,
    ...(job === null ? {} : { '/v1/fine_tuning/jobs/:id': job }),
  };
}

/**
 * A fine-tuning job that is ended at once: that there is one is enough. Null where nothing trains.
 * @throws {EngineError} E_INTERNAL when the server does not take it
 */
async function cancelledJob(client: KeyClient, file: string): Promise<string | null> {
  const models = await client.ask('/v1/models');
  const { data } = JSON.parse(models.text) as { data: readonly { id: string }[] };
  const body = { model: data[0]?.id, training_file: file };
  const { status, text } = await client.ask('/v1/fine_tuning/jobs', body);
  if (status === NOT_HERE) return null;
  if (status !== 200)
    throw new EngineError('E_INTERNAL', `/v1/fine_tuning/jobs: ${status} ${text}`);
  const { id } = JSON.parse(text) as { id: string };
  await client.ask(`/v1/fine_tuning/jobs/${id}/cancel`, {});
  return id;
}

/** Until a batch has results. @throws {EngineError} E_INTERNAL when it has none for long */
async function untilEnded(client: KeyClient, path: string): Promise<void> {
  const endMs = Date.now() + MAX_BATCH_MS;
  while (Date.now() < endMs) {
    const { text } = await client.ask(path);
    if ((JSON.parse(text) as { processing_status: string }).processing_status === 'ended') return;
    await setTimeout(LOOK_MS);
  }
  throw new EngineError('E_INTERNAL', `${path}: has not ended after ${MAX_BATCH_MS} ms`);
}
