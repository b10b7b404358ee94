/** An answer cut at its timestamps (openai/whisper, transcribe.py). */
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import { TIMESTAMP_SECONDS } from '../types.ts';
import type { WindowSegment } from '../types.ts';

export interface CutAnswer {
  readonly segments: readonly WindowSegment[];
  /** See TranscribeEvent `done`. */
  readonly consumedSeconds: number;
}

/**
 * @param tokens text and timestamps, without the end
 * @param seconds the window's length; no segment ends later
 */
export function cutSegments(
  tokens: readonly number[],
  { timestampBegin }: Pick<RecognitionConfig['tokens'], 'timestampBegin'>,
  seconds: number,
): CutAnswer {
  const isTime = (i: number): boolean => (tokens[i] ?? -1) >= timestampBegin;
  const timeOf = (i: number): number => (tokens[i]! - timestampBegin) * TIMESTAMP_SECONDS;
  const n = tokens.length;
  const endsInOneTime = n > 1 && isTime(n - 1) && !isTime(n - 2);
  const cuts: number[] = [];
  for (let i = 1; i < n; i++) if (isTime(i - 1) && isTime(i)) cuts.push(i);
  const segment = (from: number, to: number, start: number, end: number): WindowSegment[] => {
    const text = tokens.slice(from, to).filter((token) => token < timestampBegin);
    const [first, last] = [Math.min(start, seconds), Math.min(end, seconds)];
    return text.length === 0 || first >= last ? [] : [{ start: first, end: last, tokens: text }];
  };
  if (cuts.length === 0) {
    const lastTime = tokens.findLastIndex((_, i) => isTime(i));
    const start = isTime(0) ? timeOf(0) : 0;
    const isEnd = lastTime > 0 && timeOf(lastTime) > start;
    const end = isEnd ? timeOf(lastTime) : seconds;
    return { segments: segment(0, n, start, end), consumedSeconds: seconds };
  }
  if (endsInOneTime) cuts.push(n);
  const segments = cuts.flatMap((cut, i) => {
    const from = cuts[i - 1] ?? 0;
    return segment(from, cut, isTime(from) ? timeOf(from) : 0, timeOf(cut - 1));
  });
  // Text after the last pair has no end yet: the next window begins there.
  const last = timeOf(cuts.at(-1) - 1);
  return { segments, consumedSeconds: endsInOneTime ? seconds : Math.min(last, seconds) };
}
