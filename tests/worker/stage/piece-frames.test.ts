/** Calls and answers between a leader and its stages survive the way, whatever numbers they carry. */
import { describe, expect, it } from 'vitest';
import type { HeadRow } from '../../../engine/model/decoder/stage.ts';
import {
  packAnswer,
  packCall,
  unpackAnswer,
  unpackCall,
} from '../../../worker/stage/piece-frames.ts';
import type { PieceAnswer, PieceCall } from '../../../worker/stage/piece-frames.ts';

const ODD_VALUES = Float32Array.of(0, -0, NaN, Infinity, -Infinity, 1e-45, 3.4e38);
const PLACE = { start: 3, nRow: 2, pages: [0, 7], slot: 1, adapter: null, logitsFrom: 1 };

const CALLS: Record<string, PieceCall> = {
  embed: { embed: { ids: [0, 151_935], positions: [4, 5] } },
  layers: {
    layers: {
      ...{ session: 'größer', nPass: 3, copies: [[1, 2]], places: [PLACE] },
      ...{ rows: ODD_VALUES, onlyTop: [true, false] },
    },
  },
  'layers without rows of the head': {
    layers: { session: '', nPass: 0, copies: [], places: [], rows: new Float32Array(0) },
  },
  head: { head: { rows: ODD_VALUES, onlyTop: [false] } },
};

const TOP: HeadRow = { id: 7, logit: -Infinity, sumExp: 0, logits: null, embedding: null };
const WHOLE: HeadRow = {
  ...{ id: 2 ** 31, logit: 1 / 3, sumExp: NaN },
  ...{ logits: ODD_VALUES, embedding: Float32Array.of(1, 2) },
};

const ANSWERS: Record<string, PieceAnswer> = {
  rows: { ok: { rows: ODD_VALUES, head: null } },
  'a head': { ok: { rows: new Float32Array(0), head: [TOP, WHOLE, TOP, WHOLE] } },
  both: { ok: { rows: ODD_VALUES, head: [WHOLE] } },
  nothing: { ok: { rows: new Float32Array(0), head: null } },
  failure: {
    error: { code: 'E_STAGE_LOST', message: 'stage x: «lost»', param: null, details: {} },
  },
};

/** What arrives: a copy. */
function sent(frame: Uint8Array): ArrayBuffer {
  return Uint8Array.from(frame).buffer;
}

describe('a call', () => {
  it.each(Object.entries(CALLS))('%s', (_, call) => {
    expect(unpackCall(sent(packCall(41, call)))).toEqual({ id: 41, call });
  });
});

describe('an answer', () => {
  it.each(Object.entries(ANSWERS))('%s', (_, answer) => {
    expect(unpackAnswer(sent(packAnswer(2, answer)))).toEqual({ id: 2, answer });
  });

  it('of more values than the frame before', () => {
    const rows = Float32Array.from({ length: 300_000 }, (_, i) => i);
    const answer = { ok: { rows, head: null } };
    expect(unpackAnswer(sent(packAnswer(1, answer)))).toEqual({ id: 1, answer });
    expect(unpackAnswer(sent(packAnswer(2, ANSWERS['both']!))).answer).toEqual(ANSWERS['both']);
  });

  it('does not keep its frame alive', () => {
    const { answer } = unpackAnswer(sent(packAnswer(0, ANSWERS['both']!)));
    const { head } = (answer as Extract<PieceAnswer, { ok: unknown }>).ok;
    expect(head![0]!.embedding!.buffer.byteLength).toBe(8);
  });
});
