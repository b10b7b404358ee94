/** A request's numbers, checked before anything is computed: it may come from anywhere. */
import { EngineError } from '../../base/errors.ts';
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import { MAX_SAMPLES, MAX_TEMPERATURES } from '../types.ts';
import type { TranscribeRequest } from '../types.ts';

const MAX_TEMPERATURE = 2;

/** @throws {EngineError} E_REQUEST_INVALID naming the field. */
export function checkTranscribe(config: RecognitionConfig, request: TranscribeRequest): void {
  checkSamples(request.samples);
  checkTask(config, request);
  checkLanguages(config, request.languages);
  checkTokens(config, 'prompt', request.promptTokens);
  checkTokens(config, 'prefix', request.prefixTokens);
  checkTokens({ ...config, limit: config.nVocab }, 'suppress_tokens', request.suppressTokens ?? []);
  const { temperatures, maxTokens, maxInitialTimestamp, seed } = request;
  const inRange = (t: number): boolean => t >= 0 && t <= MAX_TEMPERATURE;
  if (temperatures.length < 1 || temperatures.length > MAX_TEMPERATURES)
    throw invalid('temperature', `1 to ${MAX_TEMPERATURES} temperatures`, temperatures.length);
  const wrong = temperatures.find((t) => !inRange(t));
  if (wrong !== undefined) throw invalid('temperature', `0 to ${MAX_TEMPERATURE}`, wrong);
  if (maxTokens !== null && !(Number.isInteger(maxTokens) && maxTokens > 0))
    throw invalid('max_tokens', 'a whole number above 0', maxTokens);
  if (maxInitialTimestamp !== null && !(maxInitialTimestamp >= 0 && maxInitialTimestamp <= 30))
    throw invalid('max_initial_timestamp', '0 to 30', maxInitialTimestamp);
  if (!Number.isSafeInteger(seed)) throw invalid('seed', 'a whole number', seed);
}

function checkSamples(samples: unknown): void {
  if (!(samples instanceof Float32Array) || samples.length === 0)
    throw invalid('file', 'samples', 'none');
  if (samples.length > MAX_SAMPLES)
    throw invalid('file', `at most ${MAX_SAMPLES} samples per window`, samples.length);
  const at = samples.findIndex((sample) => !Number.isFinite(sample));
  if (at >= 0) throw invalid('file', `a number as sample ${at}`, samples[at]);
}

function checkLanguages(
  { isMultilingual, tokens }: RecognitionConfig,
  languages: readonly string[] | null,
): void {
  if (languages === null) return;
  if (languages.length === 0) throw invalid('languages', 'at least one code', 'none');
  const known = isMultilingual ? tokens.languages.map(({ code }) => code) : ['en'];
  const unknown = languages.find((one) => !known.includes(one));
  if (unknown !== undefined)
    throw invalid('languages', 'codes that the model knows', unknown.slice(0, 20));
}

function checkTask(config: RecognitionConfig, { language, task }: TranscribeRequest): void {
  if (config.isMultilingual) return;
  if (task !== 'transcribe')
    throw new EngineError(
      'E_REQUEST_INVALID',
      'task: the model knows English alone; expected transcribe, got translate. Use a multilingual model.',
      { param: 'task' },
    );
  if (language !== null && language !== 'en')
    throw new EngineError(
      'E_REQUEST_INVALID',
      `language: the model knows English alone; expected en, got ${JSON.stringify(language.slice(0, 20))}. ` +
        'Use a multilingual model.',
      { param: 'language', details: { language } },
    );
}

/** Text tokens only: special tokens have fixed places, and no other text may contain them. */
function checkTokens(
  { tokens, limit = tokens.endOfText }: Pick<RecognitionConfig, 'tokens'> & { limit?: number },
  field: string,
  ids: readonly number[],
): void {
  const wrong = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < limit));
  if (wrong !== undefined) throw invalid(field, `token ids from 0 to ${limit - 1}`, wrong);
}

function invalid(field: string, expected: string, got: unknown): EngineError {
  return new EngineError(
    'E_REQUEST_INVALID',
    `${field}: expected ${expected}, got ${String(got)}. Change it.`,
    { param: field, details: { [field]: got } },
  );
}
