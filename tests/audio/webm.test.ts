/** WebM made by hand: laced blocks, several tracks, and what is refused. */
import { describe, expect, test } from 'vitest';
import { openWebm } from '../../engine/audio/webm.ts';

/** An element with a size of one byte, or of eight. */
function element(id: number, ...children: readonly (Uint8Array | readonly number[])[]): number[] {
  const data = children.flatMap((child) => [...child]);
  const idBytes = id
    .toString(16)
    .match(/../g)!
    .map((hex) => Number.parseInt(hex, 16));
  const long = [1, 0, 0, 0, 0, 0, data.length >> 8, data.length & 255];
  return [...idBytes, ...(data.length < 127 ? [0x80 | data.length] : long), ...data];
}
const ascii = (text: string) => new TextEncoder().encode(text);
const track = (number: number, type: number, codec: string, ...more: number[][]) =>
  element(
    0xae,
    element(0xd7, [number]),
    element(0x83, [type]),
    element(0x86, ascii(codec)),
    ...more,
  );
const LACING = { none: 0, xiph: 2, fixed: 4, ebml: 6 } as const;
const block = (number: number, lacing: keyof typeof LACING, ...data: number[]) =>
  element(0xa3, [0x80 | number, 0, 0, LACING[lacing], ...data]);
const file = (tracks: number[][], ...blocks: number[][]) =>
  Uint8Array.from([
    ...element(0x1a45dfa3, element(0x4282, ascii('webm'))),
    ...element(0x18538067, element(0x1654ae6b, ...tracks), element(0x1f43b675, ...blocks)),
  ]);
const VIDEO = track(1, 1, 'V_VP9');
const SOUND = track(2, 2, 'A_OPUS', element(0x63a2, [1, 2, 3]));

const packets = (bytes: Uint8Array) => [...openWebm(bytes).packets].map(({ data }) => [...data]);

test('the first track of sound is read, others are passed over', () => {
  const bytes = file(
    [VIDEO, SOUND, track(3, 2, 'A_OPUS')],
    ...[block(1, 'none', 9), block(2, 'none', 7, 7), block(3, 'none', 8), block(2, 'none', 6)],
  );
  const webm = openWebm(bytes);
  expect(webm.track.codec).toBe('A_OPUS');
  expect([...webm.track.codecPrivate]).toEqual([1, 2, 3]);
  expect([...webm.packets].map(({ data }) => [...data])).toEqual([[7, 7], [6]]);
  expect(webm.isTruncated).toBe(false);
});

describe('laced blocks', () => {
  test.each([
    ['xiph', [2, 1, 2, 10, 20, 21, 30], [[10], [20, 21], [30]]],
    [
      'fixed',
      [1, 10, 11, 20, 21],
      [
        [10, 11],
        [20, 21],
      ],
    ],
    // Sizes 2, then 2 - 1, then what is left.
    ['ebml', [2, 0x82, 0xbe, 10, 11, 20, 30, 31], [[10, 11], [20], [30, 31]]],
  ] as const)('%s', (lacing, data, want) => {
    expect(packets(file([SOUND], block(2, lacing, ...data)))).toEqual(want);
  });

  test.each([
    ['xiph', [2, 200, 200, 1]],
    ['fixed', [1, 10, 11, 12]],
    ['ebml', [1, 0]],
    ['ebml', [2, 0x80, 0x80, 1]],
  ] as const)('%s that contradicts itself is no sound', (lacing, data) => {
    expect(packets(file([SOUND], block(2, lacing, ...data)))).toEqual([]);
  });
});

test('what a group of blocks drops at its end is told with its last packet', () => {
  const group = element(
    0xa0,
    element(0xa1, [0x82, 0, 0, 0, 5]),
    element(0x75a2, [0x0f, 0x42, 0x40]),
  );
  expect([...openWebm(file([SOUND], block(2, 'none', 4), group)).packets]).toEqual([
    { data: Uint8Array.of(4), discardNs: 0 },
    { data: Uint8Array.of(5), discardNs: 1_000_000 },
  ]);
});

test.each([
  ['no tracks', file([]), 'no audio track'],
  ['pictures alone', file([VIDEO], block(1, 'none', 1)), 'no audio track'],
  ['a track in ciphers', file([track(2, 2, 'A_OPUS', element(0x6d80, []))]), 'encrypted'],
  ['a thousand tracks', file(Array<number[]>(1000).fill(SOUND)), 'more than 64 tracks'],
  ['elements without end', new Uint8Array(300_000).fill(0x80), 'elements without sound'],
])('%s: refused', (_, bytes, text) => {
  expect(() => openWebm(bytes)).toThrow(text);
});

test('a file that is cut within an element is truncated', () => {
  const bytes = file([SOUND], block(2, 'none', 4, 4, 4));
  const webm = openWebm(bytes.subarray(0, bytes.length - 1));
  expect([...webm.packets]).toEqual([]);
  expect(webm.isTruncated).toBe(true);
});
