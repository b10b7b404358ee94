/** What a model is asked for a translation with: a base in several ways, of which the best counts, and an adapter. */
import type { Asked } from '../measure/answers.ts';
import type { Message } from '../rows.ts';
import type { SentencePair } from './pairs.ts';

export interface Languages {
  readonly source: string;
  readonly target: string;
}

export interface BasePrompt {
  readonly name: string;
  /** @param examples sentences that are learned from, with their translations */
  readonly ask: (source: string, examples: readonly SentencePair[], languages: Languages) => Asked;
}

/** Translations that a prompt shows. */
export const N_EXAMPLE = 16;

/** What an adapter learns to go on with, and what it is asked with. */
export const adapterPrompt = (source: string): string => `${source}\n`;

/** A model of few weights follows examples better than an instruction; which of these is best is measured. */
export const BASE_PROMPTS: readonly BasePrompt[] = [
  {
    name: 'an instruction',
    ask: (source, _examples, languages) => [
      {
        role: 'user',
        content: `Translate this ${languages.source} sentence into ${languages.target}. Answer with the translation only.\n\n${source}`,
      },
    ],
  },
  {
    name: `a conversation of ${N_EXAMPLE} examples`,
    ask: (source, examples, languages) => [
      {
        role: 'system',
        content: `You translate ${languages.source} sentences into ${languages.target}.`,
      },
      ...examples.flatMap((pair): Message[] => [
        { role: 'user', content: pair.source },
        { role: 'assistant', content: pair.target },
      ]),
      { role: 'user', content: source },
    ],
  },
  {
    name: `a text of ${N_EXAMPLE} examples`,
    ask: (source, examples, languages) =>
      [...examples, { source, target: '' }]
        .map((pair) =>
          `${languages.source}: ${pair.source}\n${languages.target}: ${pair.target}`.trim(),
        )
        .join('\n\n'),
  },
  {
    name: `a list of ${N_EXAMPLE} examples`,
    ask: (source, examples) =>
      [...examples, { source, target: '' }]
        .map((pair) => `${pair.source} = ${pair.target}`.trim())
        .join('\n'),
  },
  { name: 'as the adapter is asked', ask: adapterPrompt },
];
