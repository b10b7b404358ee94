/** The parts of a transcription that need no model. */
import { describe, expect, it } from 'vitest';
import { medianFilter, warpRows } from '../../engine/transcribe/window/dynamic-time-warping.ts';
import { buildPrompt } from '../../engine/transcribe/window/prompt.ts';
import { loopPeriod, repetitionOf } from '../../engine/transcribe/window/repetition.ts';
import { cutSegments } from '../../engine/transcribe/window/segments.ts';
import { TokenRules } from '../../engine/transcribe/window/token-rules.ts';
import { DEFAULT_TRANSCRIBE } from '../../engine/transcribe/types.ts';
import { groupWords } from '../../engine/transcribe/window/words.ts';
import type { RecognitionConfig } from '../../engine/manifest/recognition-config.ts';
import { recognitionContradiction } from '../../engine/manifest/recognition-config.ts';
import { seededRandom } from '../support/random.ts';
import { TINY_WHISPER } from '../support/tiny-whisper.ts';

const { timestampBegin, endOfText, noTimestamps } = TINY_WHISPER.tokens;
const at = (seconds: number): number => timestampBegin + Math.round(seconds / 0.02);

describe('token rules', () => {
  const allowed = (sampled: readonly number[], logits?: Float32Array, more = {}): number[] => {
    const row = logits ?? new Float32Array(TINY_WHISPER.nVocab);
    new TokenRules(TINY_WHISPER, { ...DEFAULT_TRANSCRIBE, ...more }).apply(row, sampled);
    return [...row.keys()].filter((token) => row[token] !== -Infinity);
  };
  /** Times are unlikely, so that the rule about their sum does not hide the others. */
  const texty = (): Float32Array =>
    new Float32Array(TINY_WHISPER.nVocab).fill(-50, timestampBegin).fill(1, 65, 66);

  it('begins with a time of at most a second', () => {
    const first = allowed([], texty());
    expect(first).toEqual(Array.from({ length: 51 }, (_, i) => timestampBegin + i));
    expect(allowed([], texty(), { maxInitialTimestamp: 0.1 }).at(-1)).toBe(at(0.1));
    expect(allowed([], texty(), { maxInitialTimestamp: null }).at(-1)).toBe(at(30));
  });

  it('begins without a blank where no times are wanted', () => {
    const first = allowed([], texty(), { withTimestamps: false });
    expect(first).not.toContain(32);
    expect(first).not.toContain(endOfText);
    expect(allowed([65], texty(), { withTimestamps: false })).toContain(endOfText);
    expect(Math.max(...first)).toBeLessThan(endOfText);
  });

  it('never chooses signs or what is suppressed', () => {
    for (const tokens of [allowed([]), allowed([at(0), 65], texty())]) {
      for (const token of [...TINY_WHISPER.suppress, noTimestamps, endOfText + 1])
        expect(tokens).not.toContain(token);
    }
    expect(allowed([at(0), 66], texty(), { suppressTokens: [65] })).toContain(1);
  });

  it('follows a time that began a segment with text, and one that ended it with a time or the end', () => {
    const afterBegin = allowed([at(0.5)], texty());
    expect(Math.max(...afterBegin)).toBeLessThan(timestampBegin);
    const afterEnd = allowed([at(0), 65, at(2)], texty());
    expect(afterEnd[0]).toBe(endOfText);
    expect(afterEnd[1]).toBe(at(2));
    expect(afterEnd).not.toContain(65);
    const afterPair = allowed([at(0), 65, at(2), at(2)], texty());
    expect(Math.max(...afterPair)).toBeLessThan(timestampBegin);
  });

  it('never goes back in time, and lets no segment end where it began', () => {
    const times = allowed([at(1), 65], texty()).filter((token) => token >= timestampBegin);
    expect(times[0]).toBe(at(1) + 1);
  });

  it('chooses a time when all times together are likelier than any text', () => {
    const row = new Float32Array(TINY_WHISPER.nVocab);
    row[65] = 3;
    expect(allowed([at(0), 65], row)[0]).toBeGreaterThanOrEqual(timestampBegin);
    const other = new Float32Array(TINY_WHISPER.nVocab);
    other[65] = 12;
    expect(allowed([at(0), 65], other)).toContain(65);
  });
});

describe('prompts', () => {
  const many: RecognitionConfig = {
    ...TINY_WHISPER,
    isMultilingual: true,
    tokens: {
      ...TINY_WHISPER.tokens,
      languages: [
        { code: 'en', token: 258 },
        { code: 'de', token: 259 },
      ],
    },
  };
  const { startOfTranscript, startOfPrevious, translate } = many.tokens;

  it('stand in the order the model was trained with', () => {
    const options = { ...DEFAULT_TRANSCRIBE, promptTokens: [70, 71], task: 'translate' as const };
    expect(buildPrompt(many, options, 'de')).toEqual({
      tokens: [startOfPrevious, 70, 71, startOfTranscript, 259, translate],
      known: [],
      startIndex: 3,
      maxTokens: 32,
    });
    const plain = { ...DEFAULT_TRANSCRIBE, withTimestamps: false, prefixTokens: [80] };
    expect(buildPrompt(TINY_WHISPER, plain, 'en')).toMatchObject({
      tokens: [startOfTranscript, noTimestamps, 80],
      known: [80],
    });
    const timed = buildPrompt(TINY_WHISPER, { ...plain, withTimestamps: true }, 'en');
    expect(timed.tokens).toEqual([startOfTranscript, timestampBegin, 80]);
  });

  it('keep the end of earlier text, and leave room', () => {
    const promptTokens = Array.from({ length: 200 }, (_, i) => i);
    const { tokens, maxTokens } = buildPrompt(many, { ...DEFAULT_TRANSCRIBE, promptTokens }, 'en');
    expect(tokens.length).toBe(1 + 31 + 3);
    expect(tokens[31]).toBe(199);
    expect(tokens.length + maxTokens).toBeLessThanOrEqual(many.nTextCtx);
  });

  it('name languages that are not known', () => {
    expect(() => buildPrompt(many, DEFAULT_TRANSCRIBE, 'xx')).toThrow('expected one of en, de');
  });
});

describe('segments', () => {
  const cut = (tokens: number[], seconds = 30) => cutSegments(tokens, TINY_WHISPER.tokens, seconds);

  it('lie between two times', () => {
    expect(cut([at(0), 1, 2, at(2), at(2), 3, at(4)])).toEqual({
      segments: [
        { start: 0, end: 2, tokens: [1, 2] },
        { start: 2, end: 4, tokens: [3] },
      ],
      consumedSeconds: 30,
    });
  });

  it('leave text without an end to the next window', () => {
    expect(cut([at(0), 1, at(2), at(2), 3, 4])).toEqual({
      segments: [{ start: 0, end: 2, tokens: [1] }],
      consumedSeconds: 2,
    });
  });

  it('are the whole window where there is one time or none', () => {
    expect(cut([at(1), 1, 2, 3], 9).segments).toEqual([{ start: 1, end: 9, tokens: [1, 2, 3] }]);
    expect(cut([1, 2], 9)).toEqual({
      segments: [{ start: 0, end: 9, tokens: [1, 2] }],
      consumedSeconds: 9,
    });
    expect(cut([at(0), 1, at(3)], 9).segments).toEqual([{ start: 0, end: 3, tokens: [1] }]);
    expect(cut([], 9).segments).toEqual([]);
  });

  it('end with the audio', () => {
    expect(cut([at(0), 1, at(12), at(12), 2, at(14)], 10)).toEqual({
      segments: [{ start: 0, end: 10, tokens: [1] }],
      consumedSeconds: 10,
    });
  });
});

describe('repetition', () => {
  it('is 1 for text that never repeats, and large for loops', () => {
    const plain = Array.from({ length: 50 }, (_, i) => i);
    expect(repetitionOf(plain)).toBe(1);
    expect(repetitionOf([])).toBe(1);
    const loop = Array.from({ length: 60 }, (_, i) => i % 3);
    expect(repetitionOf(loop)).toBeGreaterThan(10);
    const thrice = [...plain, ...plain, ...plain];
    expect(repetitionOf(thrice)).toBeGreaterThan(2.4);
    // A speech of 27 words that says `what you can do for` twice.
    const speech = 'a b c d e f g h i j k l m n o p q f h q k l m n i j r'.split(' ');
    expect(repetitionOf(speech.map((letter) => letter.charCodeAt(0)))).toBeLessThan(1.7);
  });

  it('finds how long the piece is that goes round, and not before it is certain', () => {
    const rounds = (period: number, times: number): number[] =>
      Array.from({ length: period * times }, (_, i) => i % period);
    expect(loopPeriod([9, 9, 8, ...rounds(7, 5)])).toBe(7);
    expect(loopPeriod([9, ...rounds(7, 4)])).toBe(0);
    expect(loopPeriod([5, 6, ...rounds(1, 20)])).toBe(1);
    expect(loopPeriod([5, 6, ...rounds(1, 8)])).toBe(0);
    expect(loopPeriod([...rounds(7, 9), 1])).toBe(0);
    expect(loopPeriod([])).toBe(0);
  });
});

describe('dynamic time warping', () => {
  it('finds the cheapest way of all', () => {
    const [nRow, nCol] = [4, 6];
    const random = seededRandom(4);
    for (let trial = 0; trial < 20; trial++) {
      const cost = Float32Array.from({ length: nRow * nCol }, random);
      const entered = [...warpRows(cost, nRow, nCol)];
      expect(entered).toEqual([...entered].sort((a, b) => a - b));
      expect(entered[0]).toBe(0);
      expect(pathCost(cost, nCol, entered)).toBeCloseTo(cheapest(cost, nRow, nCol), 5);
    }
  });

  /** Of the way that stays in a row until the next is entered. */
  function pathCost(cost: Float32Array, nCol: number, entered: readonly number[]): number {
    let best = 0;
    for (const [row, from] of entered.entries()) {
      const next = entered[row + 1];
      // The next row is entered beside or below the last cell of this one.
      const ends = next === undefined ? [nCol - 1] : [next, next - 1].filter((to) => to >= from);
      const sums = ends.map((to) => {
        let sum = 0;
        for (let col = from; col <= to; col++) sum += cost[row * nCol + col]!;
        return sum;
      });
      best += Math.min(...sums);
    }
    return best;
  }

  function cheapest(cost: Float32Array, nRow: number, nCol: number): number {
    const walk = (row: number, col: number): number => {
      const here = cost[row * nCol + col]!;
      if (row === 0 && col === 0) return here;
      const before = [
        row > 0 ? walk(row - 1, col) : Infinity,
        col > 0 ? walk(row, col - 1) : Infinity,
        row > 0 && col > 0 ? walk(row - 1, col - 1) : Infinity,
      ];
      return here + Math.min(...before);
    };
    return walk(nRow - 1, nCol - 1);
  }

  it('smooths by the median, mirrored at the ends', () => {
    const values = Float32Array.from([5, 1, 9, 2, 8, 3]);
    medianFilter(values, 6, 3);
    // Windows: 1 5 1, 5 1 9, 1 9 2, 9 2 8, 2 8 3, 8 3 8.
    expect([...values]).toEqual([1, 5, 2, 8, 3, 8]);
    const short = Float32Array.from([3, 1]);
    medianFilter(short, 2, 7);
    expect([...short]).toEqual([3, 1]);
  });
});

describe('words', () => {
  const timing = (token: number, start: number, end: number) => ({
    token,
    start,
    end,
    probability: 0.5,
  });
  const pieces = ['', ' Hel', 'lo', ',', ' wor', 'ld', '.', ' "', 'Yes', '"', '\ufffd', '\ufffd'];
  const decode = (ids: readonly number[]): string => {
    const text = ids.map((id) => pieces[id]).join('');
    return text === '\ufffd\ufffd' ? 'é' : text;
  };

  it('begin with a space, and keep their marks', () => {
    const spoken = groupWords(
      [1, 2, 3, 4, 5, 6].map((id, i) => timing(id, i / 10, (i + 1) / 10)),
      decode,
      'en',
    );
    expect(spoken.map(({ text }) => text)).toEqual([' Hello,', ' world.']);
    expect(spoken[0]).toMatchObject({ start: 0, end: 0.2, probability: 0.5 });
    expect(spoken[1]!.start).toBeCloseTo(0.3, 9);
    expect(spoken[1]!.end).toBeCloseTo(0.5, 9);
  });

  it('take quotes on both sides', () => {
    const ids = [7, 8, 9, 4, 5];
    const spoken = groupWords(
      ids.map((id, i) => timing(id, i, i + 1)),
      decode,
      'en',
    );
    expect(spoken.map(({ text }) => text)).toEqual([' "Yes"', ' world']);
  });

  it('join halves of a character, and stand alone in languages without spaces', () => {
    const ids = [10, 11, 1, 2];
    const spoken = groupWords(
      ids.map((id, i) => timing(id, i / 10, (i + 1) / 10)),
      decode,
      'ja',
    );
    expect(spoken.map(({ text }) => text)).toEqual(['é', ' Hel', 'lo']);
    expect(spoken[0]).toMatchObject({ start: 0, end: 0.2 });
  });

  it('do not hold the pause at the end of a sentence', () => {
    const spoken = groupWords(
      [timing(1, 0, 0.2), timing(6, 0.2, 0.3), timing(4, 0.3, 5), timing(5, 5, 5.2)],
      decode,
      'en',
    );
    expect(spoken[1]!.start).toBeGreaterThan(4);
    expect(groupWords([], decode, 'en')).toEqual([]);
  });
});

describe('speech configs', () => {
  it.each([
    [{ nHead: 5 }, 'no multiple of nHead'],
    [{ minAudioCtx: 1501 }, 'minAudioCtx'],
    [{ suppress: [5000] }, 'outside of nVocab'],
    [{ alignmentHeads: [[2, 0]] as [number, number][] }, 'alignment head 2/0'],
    [{ isMultilingual: true }, 'no languages'],
    [{ nEmbd: 40 }, 'no multiple of 32'],
  ])('are refused where numbers disagree: %o', (change, message) => {
    expect(recognitionContradiction({ ...TINY_WHISPER, ...change })).toContain(message);
    expect(recognitionContradiction(TINY_WHISPER)).toBeNull();
  });
});
