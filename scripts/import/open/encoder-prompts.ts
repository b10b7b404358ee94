/** What embedding models were trained to see before a question and before a passage. */
import type { JsonObject } from '../../../engine/formats/json.ts';
import { asObject } from './hf-config.ts';

export interface EncoderPrompts {
  readonly queryPrefix: string;
  readonly documentPrefix: string;
}

const NO_PROMPTS: EncoderPrompts = { queryPrefix: '', documentPrefix: '' };

/** From the models' cards; names without what comes before the last slash. */
const KNOWN: readonly (readonly [RegExp, EncoderPrompts])[] = [
  [
    /^bge-(small|base|large)-en/i,
    {
      queryPrefix: 'Represent this sentence for searching relevant passages: ',
      documentPrefix: '',
    },
  ],
  [/(^|-)e5-(small|base|large)/i, { queryPrefix: 'query: ', documentPrefix: 'passage: ' }],
  [/^nomic-embed-text/i, { queryPrefix: 'search_query: ', documentPrefix: 'search_document: ' }],
  [
    /^embedding-?gemma/i,
    { queryPrefix: 'task: search result | query: ', documentPrefix: 'title: none | text: ' },
  ],
  [
    /^qwen3-embedding/i,
    {
      queryPrefix:
        'Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:',
      documentPrefix: '',
    },
  ],
  [
    /^snowflake-arctic-embed/i,
    {
      queryPrefix: 'Represent this sentence for searching relevant passages: ',
      documentPrefix: '',
    },
  ],
];

/**
 * Prompts a sentence-transformers config names, else those known for a model of this name.
 * @param json config_sentence_transformers.json, or {}
 */
export function encoderPrompts(json: JsonObject, name: string): EncoderPrompts {
  const prompts = asObject(json['prompts']) ?? {};
  const prompt = (...keys: string[]): string => {
    const found = keys.map((key) => prompts[key]).find((value) => typeof value === 'string');
    return typeof found === 'string' ? found.slice(0, 500) : '';
  };
  const named = {
    queryPrefix: prompt('query', 'search_query'),
    documentPrefix: prompt('document', 'passage', 'search_document'),
  };
  if (named.queryPrefix !== '' || named.documentPrefix !== '') return named;
  const last = name.split('/').at(-1) ?? '';
  return KNOWN.find(([pattern]) => pattern.test(last))?.[1] ?? NO_PROMPTS;
}
