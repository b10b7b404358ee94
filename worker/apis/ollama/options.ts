/** "options" of Ollama's requests, and the fields of a generation that they are. */
import { z } from 'zod';
import { count, generationFields, MAX_MAX_TOKENS } from '../../serving/fields/common.ts';
import { samplingFields } from '../../serving/fields/sampling.ts';

/** Ollama's own defaults (https://github.com/ollama/ollama/blob/main/docs/modelfile.md). */
const DEFAULTS = { temperature: 0.8, top_k: 40, top_p: 0.9, repeat_penalty: 1.1 };

export const optionsSchema = z.looseObject({
  temperature: samplingFields.temperature,
  top_k: samplingFields.top_k,
  top_p: samplingFields.top_p,
  min_p: samplingFields.min_p,
  typical_p: samplingFields.typical_p,
  repeat_penalty: samplingFields.repetition_penalty,
  presence_penalty: samplingFields.presence_penalty,
  frequency_penalty: samplingFields.frequency_penalty,
  mirostat: samplingFields.mirostat,
  mirostat_tau: samplingFields.mirostat_tau,
  mirostat_eta: samplingFields.mirostat_eta,
  seed: samplingFields.seed,
  stop: generationFields.stop,
  /** -1 and -2: as many as the context leaves. */
  num_predict: count.min(-2).max(MAX_MAX_TOKENS).optional(),
});
export type Options = z.output<typeof optionsSchema>;

/** Options of a request that has none. */
export const NO_OPTIONS: Options = optionsSchema.parse({});

/** The options as fields that all generations share, but for the names of fields in errors. */
export function generationOptions(options: Options) {
  const { num_predict: nPredict, repeat_penalty: repeatPenalty, ...sampling } = options;
  return {
    fields: {
      ...sampling,
      temperature: options.temperature ?? DEFAULTS.temperature,
      top_k: options.top_k ?? DEFAULTS.top_k,
      top_p: options.top_p ?? DEFAULTS.top_p,
      repetition_penalty: repeatPenalty ?? DEFAULTS.repeat_penalty,
      speculation: 'auto' as const,
      ...{ min_tokens: 0, stop_token_ids: [], bad_words: [] },
    },
    maxTokens: nPredict === undefined || nPredict < 0 ? undefined : nPredict,
  };
}
