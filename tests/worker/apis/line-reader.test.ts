/** Lines by bytes, whatever the chunks: as splitting the whole text gives them. */
import { expect, test } from 'vitest';
import { type LineStart, readLines } from '../../../worker/apis/files/line-reader.ts';

const MAX_BYTES = 12;
const START: LineStart = { offset: 0, number: 1 };

/** The bytes of `text` from `start` on, in chunks of `nByte`. */
function stream(text: string, nByte: number, start = START): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text).subarray(start.offset);
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + nByte));
      at += nByte;
    },
  });
}

async function linesOf(text: string, nByte: number): Promise<[number, string | null, number][]> {
  const lines = await Array.fromAsync(readLines(stream(text, nByte), START, MAX_BYTES));
  return lines.map(({ number, bytes, endOffset }) => [
    ...([number, bytes === null ? null : new TextDecoder().decode(bytes), endOffset] as const),
  ]);
}

/** The slow way: split, then count bytes. */
function expected(text: string): [number, string | null, number][] {
  const size = (part: string): number => new TextEncoder().encode(part).length;
  const parts = text.split('\n');
  let offset = 0;
  return parts.flatMap((part, i): [number, string | null, number][] => {
    offset += size(part) + (i === parts.length - 1 ? 0 : 1);
    const shown = size(part) > MAX_BYTES ? null : part;
    return /^[ \t\r]*$/.test(part) ? [] : [[i + 1, shown, offset]];
  });
}

const TEXTS = [
  '',
  '\n',
  'a',
  'a\n',
  'a\nb',
  'a\r\nb\r\n',
  '\n\n  \t\r\na\n\n',
  'é日😀\nb\n',
  `${'x'.repeat(12)}\n${'y'.repeat(13)}\nz\n`,
  `${' '.repeat(40)}\na${' '.repeat(40)}\nb`,
];

test.each([1, 2, 3, 5, 7, 1000])('the same lines in chunks of %d bytes', async (nByte) => {
  for (const text of TEXTS) expect(await linesOf(text, nByte)).toEqual(expected(text));
});

test('reading goes on behind any line', async () => {
  const text = 'one\n\ntwo é\n  \nthree\nfour';
  const all = await Array.fromAsync(readLines(stream(text, 3), START, MAX_BYTES));
  for (const [i, { number, endOffset }] of all.entries()) {
    const from = { offset: endOffset, number: number + 1 };
    const rest = await Array.fromAsync(readLines(stream(text, 3, from), from, MAX_BYTES));
    expect(rest.map(({ bytes }) => bytes)).toEqual(all.slice(i + 1).map(({ bytes }) => bytes));
    expect(rest.map(({ endOffset: end }) => end)).toEqual(
      all.slice(i + 1).map(({ endOffset: end }) => end),
    );
  }
});

test('ending early ends the stream', async () => {
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('a\n')),
    cancel: () => void (isCancelled = true),
  });
  for await (const { number } of readLines(endless, START, MAX_BYTES)) if (number === 3) break;
  expect(isCancelled).toBe(true);
});
