/** The course of one transcription: features, encoder, language, attempts, segments, times of tokens. */
import { HOP_SAMPLES, MAX_FRAMES } from '../../audio/log-mel.ts';
import type { LogMel } from '../../audio/log-mel.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { AudioEncoder } from '../../model/recognition/audio-encoder.ts';
import type { TextDecoder } from '../../model/recognition/text-decoder.ts';
import { FRAMES_PER_POSITION } from '../../model/recognition/plan.ts';
import { alignTokens } from './align.ts';
import { runAttempt } from './attempt.ts';
import type { Attempt, AttemptContext } from './attempt.ts';
import { buildPrompt, startTokens } from './prompt.ts';
import { cutSegments } from './segments.ts';
import { TokenRules } from './token-rules.ts';
import { SAMPLE_RATE, SECONDS_PER_POSITION, TIMESTAMP_SECONDS } from '../types.ts';
import type {
  RetryReason,
  WindowQuality,
  TranscribeEvent,
  TranscribeReason,
  TranscribeRequest,
  TranscribeUsage,
} from '../types.ts';

/** Positions encoded beyond the end of speech: a second. */
const POSITIONS_AFTER = 50;
/** Language of English-only models. */
const ENGLISH = 'en';

/** Samples one position of the encoder stands for. */
const SAMPLES_PER_POSITION = HOP_SAMPLES * FRAMES_PER_POSITION;

/** The parts of a model that a transcription uses. */
export interface RecognitionParts {
  readonly config: RecognitionConfig;
  readonly mel: LogMel;
  readonly encoder: AudioEncoder;
  readonly decoder: TextDecoder;
  readonly kernels: KernelExports;
}

export class Transcription {
  readonly #parts: RecognitionParts;
  readonly #request: TranscribeRequest;
  readonly #usage: TranscribeUsage;
  /** Positions that have audio, and that the encoder is run over. */
  readonly #nAudio: number;
  readonly #nHeard: number;

  constructor(
    parts: RecognitionParts,
    request: TranscribeRequest,
    times: { readonly loadMs: number; readonly queueMs: number },
  ) {
    this.#parts = parts;
    this.#request = request;
    const { nAudioCtx, minAudioCtx } = parts.config;
    const most = Math.min(nAudioCtx, MAX_FRAMES / FRAMES_PER_POSITION);
    this.#nAudio = Math.min(most, Math.ceil(request.samples.length / SAMPLES_PER_POSITION));
    const wanted = Math.max(minAudioCtx, this.#nAudio + POSITIONS_AFTER);
    this.#nHeard = request.audioContext === 'full' ? most : Math.min(most, wanted);
    this.#usage = {
      audioSeconds: request.samples.length / SAMPLE_RATE,
      encodedSeconds: this.#nHeard * SECONDS_PER_POSITION,
      promptTokens: 0,
      completionTokens: 0,
      decodedTokens: 0,
      attempts: 0,
      melMs: 0,
      encodeMs: 0,
      decodeMs: 0,
      alignMs: 0,
      ...times,
    };
  }

  /** Events as they come; null only gives the caller a turn. */
  *run(): Generator<TranscribeEvent | null, void, void> {
    const { config } = this.#parts;
    yield* this.#encode();
    const { language, probability } = this.#findLanguage();
    const prompt = buildPrompt(config, this.#request, language);
    this.#usage.promptTokens = prompt.tokens.length;
    yield { type: 'start', usage: { ...this.#usage } };
    yield { type: 'language', language, probability };
    const rules = new TokenRules(config, this.#request);
    const attempt = yield* this.#attempts({
      ...this.#parts,
      prompt,
      rules,
      seed: this.#request.seed,
    });
    yield* this.#conclude(attempt, language);
  }

  *#encode(): Generator<null, void, void> {
    const { mel, encoder, decoder } = this.#parts;
    const S = this.#nHeard;
    const begin = Date.now();
    mel.fill(this.#request.samples, FRAMES_PER_POSITION * S, encoder.stem.features(S));
    this.#usage.melMs = Date.now() - begin;
    for (const _ of encoder.run(S, (...rows) => decoder.hear(...rows))) yield null;
    decoder.listen(S);
    this.#usage.encodeMs = Date.now() - begin - this.#usage.melMs;
  }

  /** The likeliest of the possible languages after the start token (arXiv 2212.04356, section 2.3). */
  #findLanguage(): { language: string; probability: number } {
    const { config, decoder } = this.#parts;
    const { language, languages: possible } = this.#request;
    const { startOfTranscript } = config.tokens;
    const languages = config.tokens.languages.filter(
      ({ code }) => possible === null || possible.includes(code),
    );
    if (!config.isMultilingual) return { language: ENGLISH, probability: 1 };
    if (language !== null) return { language, probability: 1 };
    let found = { language: ENGLISH, probability: 0 };
    decoder.rewind(0);
    decoder.forward([startOfTranscript], [0], (_, logits) => {
      const top = Math.max(...languages.map(({ token }) => logits[token]!));
      const weights = languages.map(({ token }) => Math.exp(logits[token]! - top));
      const sum = weights.reduce((a, b) => a + b, 0);
      const best = weights.indexOf(Math.max(...weights));
      found = { language: languages[best]!.code, probability: weights[best]! / sum };
    });
    return found;
  }

  /** Temperature after temperature, until an answer is good enough; else the best of them. */
  *#attempts(context: AttemptContext): Generator<TranscribeEvent, Attempt, void> {
    const { temperatures } = this.#request;
    const attempts: Attempt[] = [];
    for (const [i, temperature] of temperatures.entries()) {
      const begin = Date.now();
      const reason = attempts.length === 0 ? null : this.#whyNot(attempts.at(-1));
      if (reason !== null) yield { type: 'retry', temperature, reason };
      const attempt = yield* this.#attempt(context, temperature, i);
      attempts.push(attempt);
      this.#usage.decodeMs += Date.now() - begin;
      this.#usage.attempts++;
      if (this.#whyNot(attempt) === null) return attempt;
    }
    return bestOf(attempts, this.#request.repetitionThreshold);
  }

  *#attempt(
    context: AttemptContext,
    temperature: number,
    index: number,
  ): Generator<TranscribeEvent, Attempt, void> {
    const { timestampBegin } = context.config.tokens;
    const tokens = runAttempt(context, temperature, index);
    for (;;) {
      const { value, done } = tokens.next();
      if (done === true) return value;
      this.#usage.decodedTokens++;
      const time = value < timestampBegin ? null : (value - timestampBegin) * TIMESTAMP_SECONDS;
      yield { type: 'token', token: value, time };
    }
  }

  /** What is wrong with an answer, or null. Silence is not a fault. */
  #whyNot({ quality, end }: Attempt): RetryReason | null {
    const { repetitionThreshold, logprobThreshold } = this.#request;
    if (this.#isSilence(quality)) return null;
    if (end === 'loop') return 'repetition';
    if (repetitionThreshold !== null && quality.repetition > repetitionThreshold)
      return 'repetition';
    return logprobThreshold !== null && quality.avgLogprob < logprobThreshold ? 'logprob' : null;
  }

  #isSilence({ noSpeechProb, avgLogprob }: WindowQuality): boolean {
    const { noSpeechThreshold, logprobThreshold } = this.#request;
    if (noSpeechThreshold === null || noSpeechProb <= noSpeechThreshold) return false;
    return logprobThreshold === null || avgLogprob < logprobThreshold;
  }

  *#conclude(attempt: Attempt, language: string): Generator<TranscribeEvent, void, void> {
    const { config, decoder } = this.#parts;
    const { withWords, task } = this.#request;
    const usage = this.#usage;
    const { quality, tokens } = attempt;
    usage.completionTokens = tokens.length;
    const isSilence = this.#isSilence(quality);
    const cut = cutSegments(tokens, config.tokens, usage.audioSeconds);
    const segments = isSilence ? [] : cut.segments;
    for (const segment of segments) yield { type: 'segment', ...segment, ...quality };
    if (withWords) {
      const begin = Date.now();
      const start = startTokens(config, language, task);
      const text = segments.flatMap((segment) => segment.tokens);
      const timings = alignTokens(config, decoder, { start, text, nAudio: this.#nAudio });
      usage.alignMs = Date.now() - begin;
      yield { type: 'words', tokens: timings };
    }
    const reason: TranscribeReason = attempt.end === 'stop' ? 'stop' : 'length';
    yield {
      type: 'done',
      reason: isSilence ? 'silence' : reason,
      consumedSeconds: isSilence ? usage.audioSeconds : cut.consumedSeconds,
      quality,
      usage: { ...usage },
    };
  }
}

/** The likeliest of those that do not repeat themselves, or of all if all do. */
function bestOf(attempts: readonly Attempt[], repetitionThreshold: number | null): Attempt {
  const isPlain = ({ quality, end }: Attempt): boolean =>
    end !== 'loop' && quality.repetition <= (repetitionThreshold ?? Infinity);
  const plain = attempts.filter(isPlain);
  const candidates = plain.length > 0 ? plain : attempts;
  return candidates.reduce((best, attempt) =>
    attempt.quality.avgLogprob > best.quality.avgLogprob ? attempt : best,
  );
}
