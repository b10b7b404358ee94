/**
 * Transcribes a recording of any length in windows of at most 30 seconds, each with the text before it
 * as context. Knows no HTTP and no files; runs in the gateway and in Node alike.
 */
import { EngineError } from '../../base/errors.ts';
import { Detokenizer } from '../../text/detokenizer.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { groupWords } from '../window/words.ts';
import type {
  WindowQuality,
  WindowSegment,
  TokenTiming,
  TranscribeEvent,
  TranscribeOptions,
  TranscribeRequest,
} from '../types.ts';
import type { TranscriptEvent, TranscriptSegment, TranscriptSummary } from './transcript.ts';
import type { SoundWindow, Windows } from './windows.ts';

export type TranscribeWindow = (request: TranscribeRequest) => AsyncIterable<TranscribeEvent>;

export interface RecordingRequest {
  readonly windows: Windows;
  readonly transcribe: TranscribeWindow;
  readonly tokenizer: Tokenizer;
  /** Options of every window; language and prompt of later ones follow from the first. */
  readonly options: TranscribeOptions;
}

/** Above this an answer was a guess, and is not used as context (openai/whisper, transcribe.py). */
const TRUSTED_TEMPERATURE = 0.5;
/** More tokens than any context takes. */
const MAX_PROMPT_TOKENS = 448;
const FRAMES_PER_SECOND = 100;

/** @throws {EngineError} the errors of the recogniser and of the source of samples. */
export async function* transcribeSound(
  recording: RecordingRequest,
): AsyncGenerator<TranscriptEvent, void, void> {
  const { windows, options } = recording;
  let language = options.language;
  let said: readonly number[] = options.promptTokens;
  let nSegment = 0;
  let sums = { nWindow: 0, decodedTokens: 0, encodeMs: 0, decodeMs: 0, loadMs: 0, queueMs: 0 };
  for (let window = await windows.next(); window !== null; window = await windows.next()) {
    const heard = new WindowReader(window, recording.tokenizer);
    const request = { ...options, samples: window.samples, language, promptTokens: said };
    for await (const event of recording.transcribe(request)) {
      const partial = heard.take(event);
      if (partial !== null) yield partial;
      if (event.type !== 'language' || language !== null) continue;
      language = event.language;
      yield { type: 'language', code: language, probability: event.probability };
    }
    for (const segment of await heard.segments(nSegment, language ?? 'en')) {
      nSegment++;
      yield { type: 'segment', segment };
    }
    const { usage, quality, consumedSeconds } = heard.done;
    said =
      quality.temperature > TRUSTED_TEMPERATURE
        ? []
        : [...said, ...heard.tokens].slice(-MAX_PROMPT_TOKENS);
    windows.consumed(consumedSeconds);
    sums = {
      nWindow: sums.nWindow + 1,
      decodedTokens: sums.decodedTokens + usage.decodedTokens,
      encodeMs: sums.encodeMs + usage.melMs + usage.encodeMs,
      decodeMs: sums.decodeMs + usage.decodeMs + usage.alignMs,
      loadMs: sums.loadMs + usage.loadMs,
      queueMs: sums.queueMs + usage.queueMs,
    };
    yield { type: 'progress', seconds: window.startSeconds + consumedSeconds };
  }
  const summary: TranscriptSummary = {
    ...sums,
    seconds: windows.seconds,
    language: language ?? 'en',
  };
  yield { type: 'done', summary };
}

export interface Transcript {
  readonly segments: readonly TranscriptSegment[];
  readonly summary: TranscriptSummary;
}

/**
 * Collects a recording's events to their end.
 * @param onProgress called after each window with the seconds transcribed so far
 */
export async function collectTranscript(
  events: AsyncIterable<TranscriptEvent>,
  onProgress: (seconds: number) => void = () => {},
): Promise<Transcript> {
  const segments: TranscriptSegment[] = [];
  for await (const event of events) {
    if (event.type === 'segment') segments.push(event.segment);
    else if (event.type === 'progress') onProgress(event.seconds);
    else if (event.type === 'done') return { segments, summary: event.summary };
  }
  throw new EngineError('E_INTERNAL', 'transcription: ended without its last event.');
}

type DoneEvent = Extract<TranscribeEvent, { type: 'done' }>;

/** Collects the events of one window. */
class WindowReader {
  readonly #window: SoundWindow;
  readonly #tokenizer: Tokenizer;
  #found: (WindowSegment & WindowQuality)[] = [];
  #timings: TokenTiming[] = [];
  #done: DoneEvent | null = null;
  #text = '';
  #detokenizer: Detokenizer;

  constructor(window: SoundWindow, tokenizer: Tokenizer) {
    this.#window = window;
    this.#tokenizer = tokenizer;
    this.#detokenizer = detokenizerOf(tokenizer);
  }

  take(event: TranscribeEvent): TranscriptEvent | null {
    switch (event.type) {
      case 'token':
        return event.time === null ? this.#partial(event.token) : null;
      case 'retry':
        this.#text = '';
        this.#detokenizer = detokenizerOf(this.#tokenizer);
        return { type: 'retry', reason: event.reason };
      case 'segment':
        this.#found.push(event);
        return null;
      case 'words':
        this.#timings = event.tokens;
        return null;
      case 'done':
        this.#done = event;
        return null;
      default:
        return null;
    }
  }

  get done(): DoneEvent {
    // The stage client throws when a stream ends without its last event.
    return this.#done!;
  }

  /** Tokens of the text, without times. */
  get tokens(): number[] {
    return this.#found.flatMap(({ tokens }) => tokens);
  }

  /** Segments with text, numbered from `firstId` on. */
  async segments(firstId: number, language: string): Promise<TranscriptSegment[]> {
    const { startSeconds } = this.#window;
    const round = (seconds: number) => Math.round((startSeconds + seconds) * 1000) / 1000;
    const out: TranscriptSegment[] = [];
    let nTiming = 0;
    for (const found of this.#found) {
      const text = this.#tokenizer.decode(found.tokens);
      const timings = this.#timings.slice(nTiming, nTiming + found.tokens.length);
      nTiming += found.tokens.length;
      if (text.trim() === '') continue;
      const words = groupWords(timings, (ids) => this.#tokenizer.decode(ids), language);
      out.push({
        id: firstId + out.length,
        seek: Math.round(startSeconds * FRAMES_PER_SECOND),
        start: round(found.start),
        end: round(found.end),
        text,
        tokens: found.tokens,
        temperature: found.temperature,
        avgLogprob: found.avgLogprob,
        noSpeechProb: found.noSpeechProb,
        repetition: found.repetition,
        compressionRatio: await compressionRatio(text),
        words:
          timings.length === 0
            ? null
            : words.map((word) => ({
                word: word.text.trim(),
                start: round(word.start),
                end: round(word.end),
                probability: word.probability,
              })),
        probabilities: timings.length === 0 ? null : timings.map(({ probability }) => probability),
      });
    }
    return out;
  }

  #partial(token: number): TranscriptEvent | null {
    const more = this.#detokenizer.push(token);
    if (more === '') return null;
    this.#text += more;
    return { type: 'partial', text: this.#text };
  }
}

function detokenizerOf(tokenizer: Tokenizer): Detokenizer {
  return new Detokenizer(tokenizer, { atTextStart: false, special: false });
}

async function compressionRatio(text: string): Promise<number> {
  const bytes = new TextEncoder().encode(text);
  const deflated = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  const { byteLength } = await new Response(deflated).arrayBuffer();
  return bytes.length / byteLength;
}
