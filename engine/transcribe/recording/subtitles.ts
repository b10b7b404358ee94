/** Segments as the two kinds of subtitle files: SubRip, and WebVTT (W3C). */
import type { TranscriptSegment } from './transcript.ts';

type Cue = Pick<TranscriptSegment, 'start' | 'end' | 'text'>;

export function srtText(cues: readonly Cue[]): string {
  return cues
    .map(
      (cue, i) => `${i + 1}\n${time(cue.start, ',')} --> ${time(cue.end, ',')}\n${lineOf(cue)}\n`,
    )
    .join('\n');
}

export function vttText(cues: readonly Cue[]): string {
  const blocks = cues.map(
    (cue) => `${time(cue.start, '.')} --> ${time(cue.end, '.')}\n${lineOf(cue)}\n`,
  );
  return ['WEBVTT\n', ...blocks].join('\n');
}

/** An arrow in a text would be read as a time. */
function lineOf({ text }: Cue): string {
  return text
    .trim()
    .replaceAll('-->', '->')
    .replaceAll(/\s*\n\s*/g, ' ');
}

/** `hh:mm:ss,mmm` */
function time(seconds: number, point: ',' | '.'): string {
  const ms = Math.round(seconds * 1000);
  const two = (x: number) => String(Math.floor(x)).padStart(2, '0');
  const rest = String(ms % 1000).padStart(3, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}${point}${rest}`;
}
