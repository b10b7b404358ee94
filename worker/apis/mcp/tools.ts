/**
 * What the server does as tools of MCP. A row names the endpoint behind a tool and the fields of it that are shown:
 * an agent pays for every line of a schema. Calls go through the endpoint, so that its checks, scopes and limits hold.
 */
import type { z } from 'zod';
import type { EndpointFacts } from '../../http/endpoint.ts';
import type { Scope } from '../../platform/caller.ts';
import { createSpeech } from '../audio/create-speech.ts';
import { transcriptSchema } from '../audio/recognition/transcript-json.ts';
import { transcriptions } from '../audio/transcriptions.ts';
import { chatCompletions } from '../chat/chat-completions.ts';
import { rerank } from '../embeddings/rerank.ts';
import { listModels } from '../models/list-models.ts';
import { createModeration } from '../moderations/create-moderation.ts';
import {
  addCollectionDocuments,
  listCollectionDocuments,
  searchCollectionEndpoint,
} from '../retrieval/collection-documents.ts';
import { createCollection, getCollection, listCollections } from '../retrieval/collections.ts';
import { answerTask } from '../tasks/answer.ts';
import { classifyTask } from '../tasks/classify.ts';
import { decideTask } from '../tasks/decide.ts';
import { extractTask } from '../tasks/extract.ts';
import { rewriteTask } from '../tasks/rewrite.ts';
import { summarizeTask } from '../tasks/summarize.ts';
import { translateTask } from '../tasks/translate.ts';

export interface ToolRow {
  readonly name: string;
  readonly title: string;
  /** Default: the endpoint's summary and description. */
  readonly description?: string;
  readonly endpoint: EndpointFacts;
  /** Fields of the endpoint's body or form that are arguments. */
  readonly fields?: readonly string[];
  /** Those of them that a call must have, besides those that the endpoint needs. */
  readonly required?: readonly string[];
  /** Fields that every call has. */
  readonly fixed?: Readonly<Record<string, unknown>>;
  /** Fields of the answer that are returned; absent for all. */
  readonly result?: readonly string[];
  /** Schema of the answer, where the endpoint has several. */
  readonly answer?: z.ZodObject;
  /** A scope that is needed besides the endpoint's. */
  readonly also?: Scope;
  /** Whether it changes what is kept, and how. Default: it changes nothing. */
  readonly writes?: 'adds' | 'replaces';
}

/** The field of a form that holds the file: an argument in base64. */
export const FILE_FIELD = 'file';

const common = ['model', 'max_tokens', 'temperature', 'redact'] as const;

export const TOOLS: readonly ToolRow[] = [
  {
    name: 'chat',
    title: 'Ask a model',
    description: 'Answers a conversation with an open model of this server.',
    endpoint: chatCompletions,
    fields: ['messages', 'seed', 'stop', ...common],
    result: ['model', 'choices'],
  },
  {
    name: 'translate',
    title: 'Translate a text',
    endpoint: translateTask,
    fields: ['text', 'target', 'source', ...common],
    result: ['model', 'translation', 'finish_reason'],
  },
  {
    name: 'summarize',
    title: 'Summarize a text',
    endpoint: summarizeTask,
    fields: ['text', 'length', 'max_words', 'style', ...common],
    result: ['model', 'summary', 'finish_reason'],
  },
  {
    name: 'rewrite',
    title: 'Rewrite a text',
    endpoint: rewriteTask,
    fields: ['text', 'instruction', 'tone', ...common],
    result: ['model', 'text', 'finish_reason'],
  },
  {
    name: 'extract',
    title: 'Extract data from a text',
    endpoint: extractTask,
    fields: ['text', 'schema', 'instruction', ...common],
    result: ['model', 'data', 'finish_reason'],
  },
  {
    name: 'classify',
    title: 'Classify a text',
    endpoint: classifyTask,
    fields: ['text', 'labels', 'instruction', 'multi_label', 'model'],
    result: ['model', 'label', 'labels'],
  },
  {
    name: 'decide',
    title: 'Decide questions about a text',
    endpoint: decideTask,
    fields: ['text', 'questions', 'model', 'redact'],
    result: ['model', 'decisions'],
  },
  {
    name: 'answer',
    title: 'Answer a question from passages',
    endpoint: answerTask,
    fields: ['question', 'passages', 'max_quotes', 'min_gain', ...common],
    result: ['model', 'found', 'answer', 'quotes'],
  },
  {
    name: 'rerank',
    title: 'Rank texts by a query',
    endpoint: rerank,
    fields: ['query', 'documents', 'top_n', 'model'],
    result: ['model', 'results'],
  },
  {
    name: 'moderate',
    title: 'Judge texts and pictures',
    endpoint: createModeration,
    fields: ['input', 'model', 'threshold'],
  },
  {
    name: 'list_collections',
    title: 'List the collections of documents',
    endpoint: listCollections,
  },
  {
    name: 'read_collection',
    title: 'Get information about a collection',
    endpoint: getCollection,
  },
  {
    name: 'list_documents',
    title: 'List the documents of a collection',
    endpoint: listCollectionDocuments,
  },
  {
    name: 'search_collection',
    title: 'Search a collection for passages',
    endpoint: searchCollectionEndpoint,
    fields: ['query', 'mode', 'top_k', 'filter'],
  },
  {
    name: 'answer_from_collection',
    title: 'Answer from a collection',
    description:
      'Searches a collection for the last message and answers it from the passages that were found, with their numbers.',
    endpoint: chatCompletions,
    fields: ['messages', 'retrieval', ...common],
    required: ['retrieval'],
    result: ['model', 'choices', 'citations'],
    also: 'retrieval',
  },
  {
    name: 'create_collection',
    title: 'Create a collection of documents',
    endpoint: createCollection,
    fields: ['name', 'model', 'chunk_tokens'],
    writes: 'adds',
  },
  {
    name: 'add_documents',
    title: 'Add texts to a collection',
    endpoint: addCollectionDocuments,
    fields: ['documents', 'redact'],
    writes: 'replaces',
  },
  {
    name: 'transcribe',
    title: 'Transcribe a recording',
    description:
      'Transcribes a recording (WAV, FLAC, MP3 or Ogg Opus) that is sent in base64, up to 3 MB; no addresses are fetched.',
    endpoint: transcriptions,
    fields: [FILE_FIELD, 'language', 'prompt', 'model'],
    fixed: { response_format: 'json' },
    answer: transcriptSchema,
  },
  {
    name: 'speak',
    title: 'Turn text into speech',
    description: 'Reads an English text aloud; the answer is a WAV file.',
    endpoint: createSpeech,
    fields: ['input', 'voice', 'speed', 'model'],
    fixed: { response_format: 'wav' },
  },
  {
    name: 'list_models',
    title: 'List the models of the server',
    endpoint: listModels,
  },
];
