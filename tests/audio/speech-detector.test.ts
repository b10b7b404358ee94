/** Hysteresis, hangover, least length, padding; one call or many. */
import { expect, test } from 'vitest';
import { DETECTOR_START, detectSpeech, finishSpeech } from '../../engine/audio/speech-detector.ts';
import type { SpeechSegment, VadOptions } from '../../engine/audio/speech-detector.ts';

const RATE = 1000;
const FRAME = 10;
const OPTIONS: VadOptions = { minSpeechS: 0.05, hangoverS: 0.05, paddingS: 0.02 };

/** One letter a frame: `#` speech, `-` in between, `.` silence. */
function detect(text: string, cuts: readonly number[] = [], options = OPTIONS): SpeechSegment[] {
  const all = Array.from(text, (letter) => ({ '#': 0.9, '-': 0.4, '.': 0.1 })[letter] ?? 0);
  const segments: SpeechSegment[] = [];
  let state = DETECTOR_START;
  for (const [i, from] of [0, ...cuts].entries()) {
    const found = detectSpeech(all.slice(from, cuts[i]), FRAME, RATE, state, options);
    segments.push(...found.segments);
    state = found.state;
  }
  return [...segments, ...finishSpeech(state, all.length * FRAME, RATE, options)];
}

const segment = (startS: number, endS: number): SpeechSegment => ({ startS, endS });

test.each([
  ['..........', []],
  ['-----------', []],
  ['.....##########..........', [segment(0.03, 0.17)]],
  // A pause shorter than the hangover joins; in between it is neither.
  ['##########....##########......', [segment(0, 0.26)]],
  ['######----------######.......', [segment(0, 0.24)]],
  ['######.....######......', [segment(0, 0.08), segment(0.09, 0.19)]],
  // Too short.
  ['.....####..........', []],
  // Speech to the end, and a pause that the end cuts off.
  ['.....##########', [segment(0.03, 0.15)]],
  ['##########...', [segment(0, 0.12)]],
])('%s', (text, expected) => {
  expect(detect(text)).toEqual(expected);
});

test('calls may be cut anywhere', () => {
  const text = '...######....##########......##......########....-----##########.........';
  const whole = detect(text);
  expect(whole).toHaveLength(3);
  for (let a = 0; a < text.length; a++)
    expect(detect(text, [a, Math.min(text.length, a + 3)])).toEqual(whole);
});

test('padding reaches no further than the silence and the segment before', () => {
  const options = { ...OPTIONS, paddingS: 1 };
  expect(detect('######......######.......', [], options)).toEqual([
    segment(0, 0.11),
    segment(0.11, 0.23),
  ]);
});
