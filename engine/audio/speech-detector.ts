/**
 * Speech segments from a probability per frame: hysteresis, hangover, least length, padding. Its state is
 * plain data, so that it can go on in another call. Knows nothing of how frames were judged.
 */

export interface VadOptions {
  /** Probability from which a frame begins speech. */
  readonly threshold?: number;
  /** Below it a frame may end speech; `threshold` - 0.15 by default. */
  readonly endThreshold?: number;
  /** Shorter speech is dropped. */
  readonly minSpeechS?: number;
  /** Silence that ends speech: a pause inside a sentence is shorter. */
  readonly hangoverS?: number;
  /** Kept before and after speech, at most the hangover. */
  readonly paddingS?: number;
}

export const VAD_DEFAULTS = {
  threshold: 0.5,
  minSpeechS: 0.25,
  hangoverS: 0.35,
  paddingS: 0.1,
} as const;

export interface SpeechSegment {
  readonly startS: number;
  readonly endS: number;
}

/** Positions in samples from the beginning of the stream. */
export interface DetectorState {
  readonly at: number;
  /** Where speech began, or null in silence. */
  readonly start: number | null;
  /** Where it may have ended: the first frame of the present silence. */
  readonly maybeEnd: number | null;
  /** End of the last segment with its padding. */
  readonly lastEnd: number;
}

export const DETECTOR_START: DetectorState = { at: 0, start: null, maybeEnd: null, lastEnd: 0 };

interface Resolved {
  readonly begin: number;
  readonly end: number;
  readonly minSpeech: number;
  readonly hangover: number;
  readonly padding: number;
  readonly rate: number;
}

function resolve(options: VadOptions, rate: number): Resolved {
  const { threshold, minSpeechS, hangoverS, paddingS } = { ...VAD_DEFAULTS, ...options };
  return {
    begin: threshold,
    end: options.endThreshold ?? Math.max(0.01, threshold - 0.15),
    minSpeech: minSpeechS * rate,
    hangover: hangoverS * rate,
    padding: Math.min(paddingS, hangoverS) * rate,
    rate,
  };
}

/** Takes the next frames; returns the segments that ended in them. */
export function detectSpeech(
  probabilities: readonly number[],
  frame: number,
  rate: number,
  before: DetectorState,
  options: VadOptions = {},
): { segments: SpeechSegment[]; state: DetectorState } {
  const rules = resolve(options, rate);
  const segments: SpeechSegment[] = [];
  let state = before;
  for (const probability of probabilities) {
    state = step(state, probability, frame, rules);
    if (state.start === null || state.maybeEnd === null) continue;
    if (state.at - state.maybeEnd < rules.hangover) continue;
    state = close(state, state.maybeEnd, state.at, rules, segments);
  }
  return { segments, state };
}

/** The segment that is still open at the end of the stream, if it is long enough. */
export function finishSpeech(
  state: DetectorState,
  totalSamples: number,
  rate: number,
  options: VadOptions = {},
): SpeechSegment[] {
  const segments: SpeechSegment[] = [];
  if (state.start !== null)
    close(
      state,
      Math.min(state.maybeEnd ?? totalSamples, totalSamples),
      totalSamples,
      resolve(options, rate),
      segments,
    );
  return segments;
}

function step(state: DetectorState, p: number, frame: number, rules: Resolved): DetectorState {
  const at = state.at + frame;
  if (state.start === null) return { ...state, at, start: p >= rules.begin ? state.at : null };
  if (p >= rules.begin) return { ...state, at, maybeEnd: null };
  return { ...state, at, maybeEnd: state.maybeEnd ?? (p < rules.end ? state.at : null) };
}

function close(
  state: DetectorState,
  end: number,
  limit: number,
  { minSpeech, padding, rate }: Resolved,
  segments: SpeechSegment[],
): DetectorState {
  const start = state.start ?? end;
  if (end - start < minSpeech) return { ...state, start: null, maybeEnd: null };
  const from = Math.max(state.lastEnd, start - padding);
  const to = Math.min(limit, end + padding);
  segments.push({ startS: from / rate, endS: to / rate });
  return { ...state, start: null, maybeEnd: null, lastEnd: to };
}
