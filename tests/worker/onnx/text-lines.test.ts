/** Boxes around what is probable, by hand; characters from steps. */
import { expect, test } from 'vitest';
import { readScores } from '../../../worker/onnx/tasks/read-text.ts';
import { findLines, MAX_LINES } from '../../../worker/onnx/tasks/text-lines.ts';

/** `#` certain, `+` just enough to connect, `.` nothing. */
function mapOf(rows: readonly string[]): [Float32Array, number, number] {
  const values = rows.flatMap((row) =>
    Array.from(row, (letter) => ({ '#': 1, '+': 0.35 })[letter] ?? 0),
  );
  return [Float32Array.from(values), rows[0]?.length ?? 0, rows.length];
}

test('one box, widened, in the pixels of a picture twice as large', () => {
  const rows = [
    '............',
    '............',
    '..######....',
    '..######....',
    '..######....',
    '............',
    '............',
  ];
  const [map, width, height] = mapOf(rows);
  // 6 x 3 at (2, 2): by 18 * 1.6 / 18 = 1.6.
  expect(findLines(map, width, height, { width: 24, height: 14 })).toEqual([[0, 0, 20, 14]]);
});

test('specks and faint parts are none', () => {
  const faint = mapOf(['++++', '++++', '++++', '++++']);
  expect(findLines(...faint, { width: 4, height: 4 })).toEqual([]);
  const speck = mapOf(['....', '.##.', '.##.', '....']);
  expect(findLines(...speck, { width: 4, height: 4 })).toEqual([]);
});

test('in reading order, and not without end', () => {
  const row = (text: string) => Array<string>(4).fill(text);
  const gap = Array<string>(8).fill('.'.repeat(30));
  const rows = [
    ...row(`${'.'.repeat(20)}####......`),
    ...gap,
    ...row(`####${'.'.repeat(20)}####..`),
  ];
  const [map, width, height] = mapOf(rows);
  const boxes = findLines(map, width, height, { width, height });
  expect(boxes.map(([left, top]) => [left > 10, top > 4])).toEqual([
    [true, false],
    [false, true],
    [true, true],
  ]);
  const many = mapOf(Array.from({ length: 400 }, (_, y) => (y % 5 === 4 ? '....' : '####')));
  expect(findLines(...many, { width: 4, height: 400 }).length).toBe(MAX_LINES);
});

test('repetitions are one character unless a blank is between', () => {
  const step = (best: number) => [0, 1, 2].map((i) => (i === best ? 0.8 : 0.1));
  const scores = Float32Array.from([1, 1, 0, 1, 2, 2, 0].flatMap(step));
  const { text, score } = readScores(scores, ['a', 'b']);
  expect(text).toBe('aab');
  expect(score).toBeCloseTo(0.8);
  expect(readScores(Float32Array.from(step(0)), ['a', 'b'])).toEqual({ text: '', score: 0 });
});
