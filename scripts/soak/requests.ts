/** What clients of a soak ask, and how often each of it. */
import { fileForm, type Answered, type KeyClient } from '../lib/key-client.ts';
import type { SeededRandom } from '../lib/seeded-random.ts';

export interface SoakContext {
  readonly client: KeyClient;
  readonly random: SeededRandom;
  /** Unique to the client. */
  readonly name: string;
  readonly textModel: string;
  /** Null: no embeddings, and no collections. */
  readonly encoder: string | null;
}

interface SoakRequest {
  /** Relative number of requests. */
  readonly weight: number;
  readonly needsEncoder?: boolean;
  /** Makes one or more requests, each of which is told. */
  run(context: SoakContext, tell: (answer: Answered) => void): Promise<void>;
}

const TURNS_PER_SESSION = 6;
const N_LINE = 3;
/** What every key's collection is called. */
export const COLLECTION = 'soak';

const prompt = ({ random }: SoakContext): string => `Once upon a time ${random.word()}`;
const maxTokens = ({ random }: SoakContext): number => random.integer(4, 24);

const chat = (context: SoakContext, more: object): Promise<Answered> =>
  context.client.ask('/v1/chat/completions', {
    ...{ model: context.textModel, max_tokens: maxTokens(context) },
    messages: [{ role: 'user', content: prompt(context) }],
    ...more,
  });

export const REQUESTS: Readonly<Record<string, SoakRequest>> = {
  chat: {
    weight: 8,
    run: async (context, tell) => tell(await chat(context, {})),
  },
  streamed: {
    weight: 6,
    run: async (context, tell) => tell(await chat(context, { stream: true })),
  },
  session: {
    weight: 3,
    async run(context, tell) {
      const session = `${context.name}-${context.random.integer(0, 3)}`;
      const answer = await chat(context, { session });
      tell(answer);
      if (context.random.chance(1 / TURNS_PER_SESSION) && answer.status === 200)
        tell(await context.client.ask(`/v1/sessions/${session}`, undefined, 'DELETE'));
    },
  },
  response: {
    weight: 2,
    async run(context, tell) {
      const { client, textModel: model } = context;
      const answer = await client.ask('/v1/responses', {
        ...{ model, input: prompt(context), max_output_tokens: maxTokens(context) },
      });
      tell(answer);
      const id = idIn(answer);
      if (id !== null) tell(await client.ask(`/v1/responses/${id}`, undefined, 'DELETE'));
    },
  },
  embeddings: {
    weight: 3,
    needsEncoder: true,
    async run(context, tell) {
      const { client, encoder: model } = context;
      tell(await client.ask('/v1/embeddings', { model, input: prompt(context) }));
    },
  },
  search: {
    weight: 2,
    needsEncoder: true,
    async run({ client }, tell) {
      const body = { query: 'a warm sea', mode: 'text' };
      tell(await client.ask(`/v1/collections/${COLLECTION}/search`, body));
    },
  },
  file: {
    weight: 1,
    async run(context, tell) {
      const { client, random } = context;
      const answer = await client.ask('/v1/files', fileForm('soak.jsonl', random.word()));
      tell(answer);
      const id = idIn(answer);
      if (id !== null) tell(await client.ask(`/v1/files/${id}`, undefined, 'DELETE'));
    },
  },
  batch: {
    weight: 0.3,
    async run(context, tell) {
      const { client } = context;
      const lines = Array.from({ length: N_LINE }, (_, i) => `${lineText(String(i))}\n`);
      const file = await client.ask('/v1/files', fileForm('batch.jsonl', lines.join('')));
      tell(file);
      const fileId = idIn(file);
      if (fileId === null) return;
      const window = { endpoint: '/v1/completions', completion_window: '24h' };
      tell(await client.ask('/v1/batches', { input_file_id: fileId, ...window }));
    },
  },
  lists: {
    weight: 3,
    async run({ client, random }, tell) {
      const paths = ['/v1/models', '/v1/files?limit=10', '/v1/batches?limit=5'];
      tell(await client.ask(paths[random.integer(0, paths.length - 1)] ?? ''));
    },
  },
};

export function chooseRequest({ random, encoder }: SoakContext): SoakRequest {
  const rows = Object.values(REQUESTS).filter(
    ({ needsEncoder = false }) => !needsEncoder || encoder !== null,
  );
  let left = random.next() * rows.reduce((sum, { weight }) => sum + weight, 0);
  return rows.find(({ weight }) => (left -= weight) < 0) ?? rows[0]!;
}

/** The id of what was made; null where nothing was. */
function idIn({ status, text }: Answered): string | null {
  return status === 200 ? (JSON.parse(text) as { id: string }).id : null;
}

function lineText(customId: string): string {
  const body = { prompt: 'Once', max_tokens: 4 };
  return JSON.stringify({ custom_id: customId, method: 'POST', url: '/v1/completions', body });
}
