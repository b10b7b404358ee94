/** Recommended sampling of a Hugging Face model: generation_config.json. */
import { recommendedSamplingSchema } from '../../../engine/manifest/manifest.ts';
import type { RecommendedSampling } from '../../../engine/manifest/manifest.ts';
import type { JsonObject } from '../../../engine/formats/json.ts';

const NAMES = {
  temperature: 'temperature',
  top_k: 'topK',
  top_p: 'topP',
  min_p: 'minP',
  repetition_penalty: 'repetitionPenalty',
} as const;

/** Nothing for a file that recommends nothing, or values that no request could have. */
export function samplingFromHf(config: JsonObject): RecommendedSampling | undefined {
  if (config['do_sample'] === false) return { temperature: 0 };
  const given = Object.entries(NAMES).flatMap(([name, own]) =>
    typeof config[name] === 'number' ? [[own, config[name]] as const] : [],
  );
  const { data } = recommendedSamplingSchema.safeParse(Object.fromEntries(given));
  return given.length === 0 ? undefined : data;
}
