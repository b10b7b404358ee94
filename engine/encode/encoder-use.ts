/** Encoders embed texts or score pairs, never both: the same refusal in the gateway and in the engine. */
import { EngineError } from '../base/errors.ts';
import type { EncoderConfig } from '../manifest/manifest.ts';

export type EncoderUse = 'embed' | 'score';

interface UseRow {
  readonly title: string;
  /** What such a model is good for. */
  readonly instead: string;
}

const USES: Readonly<Record<EncoderUse, UseRow>> = {
  embed: { title: 'an embedding model', instead: 'Embed texts with it: POST /v1/embeddings.' },
  score: {
    title: 'a reranker or classifier',
    instead: 'Rank documents or classify texts with it: POST /v1/rerank, POST /classify.',
  },
};

export function encoderUse({ pooling }: Pick<EncoderConfig, 'pooling'>): EncoderUse {
  return pooling === 'rank' ? 'score' : 'embed';
}

/** @throws {EngineError} E_MODEL_KIND naming the endpoint that takes the model. */
export function requireEncoderUse(modelId: string, config: EncoderConfig, wanted: EncoderUse) {
  const use = encoderUse(config);
  if (use === wanted) return;
  const { title, instead } = USES[use];
  throw new EngineError(
    'E_MODEL_KIND',
    `model: ${modelId} is ${title}; expected ${USES[wanted].title}. ${instead}`,
    { param: 'model', details: { model: modelId, pooling: config.pooling } },
  );
}

/** @throws {EngineError} E_MODEL_KIND for a model without vectors of tokens */
export function requireLate(modelId: string, config: EncoderConfig): void {
  if (config.late !== undefined) return;
  throw new EngineError(
    'E_MODEL_KIND',
    `model: ${modelId} has no vectors of tokens; expected a model that was imported with them. Import ` +
      'all-minilm-l6-v2 again, or rank by its vectors.',
    { param: 'model', details: { model: modelId } },
  );
}
