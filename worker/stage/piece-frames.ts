/**
 * What a leader and its stages say to each other over a socket, as binary frames: a header of JSON for what
 * is small, and values as they lie in memory. A frame is
 *
 *     u32 bytes of the header | header (UTF-8 JSON) | padding to a multiple of 8 | f64 numbers | f32 values
 *
 * in little-endian order, which is that of every machine with WebAssembly. Numbers that may be infinite are
 * not in the header, since JSON has no word for them.
 */
import type { ErrorRecord } from '../../engine/base/errors.ts';
import type {
  HeadCall,
  HeadRow,
  LayersAnswer,
  LayersCall,
} from '../../engine/model/decoder/stage.ts';
import type { AdapterFile } from '../platform/adapter-files.ts';
import type { RpcAnswer } from '../platform/rpc.ts';
import type { PiecePlace } from './model-place.ts';

/** A call of a stage; its answer has the same id. */
export type PieceCall =
  | { readonly open: { readonly place: PiecePlace; readonly session: string } }
  | { readonly embed: { readonly ids: readonly number[]; readonly positions: readonly number[] } }
  | { readonly layers: LayersCall }
  | { readonly head: HeadCall }
  | { readonly hold: { readonly place: PiecePlace; readonly file: AdapterFile } }
  | { readonly drop: { readonly id: string } };

/** Answers of all calls have one shape: rows without a head, or a head without rows. */
export type PieceAnswer = RpcAnswer<LayersAnswer>;

/** What is not values; sizes say how the values are cut. */
type AnswerHeader =
  | { readonly id: number; readonly error: ErrorRecord }
  | { readonly id: number; readonly nRowValue: number; readonly head: readonly HeadSizes[] | null };

interface HeadSizes {
  /** Null for what the row has not. */
  readonly nLogit: number | null;
  readonly nEmbedding: number | null;
}

/** Numbers of a HeadRow: id, logit, sumExp. */
const HEAD_NUMBERS = 3;
const HEADER_START = Uint32Array.BYTES_PER_ELEMENT;
const MAX_CHARACTER_BYTES = 3;
const LEAST_SCRATCH_BYTES = 16_384;
const MOST_SCRATCH_BYTES = 262_144;
const NO_VALUES = new Float32Array(0);
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** @returns valid until the next frame is packed */
export function packCall(id: number, call: PieceCall): Uint8Array {
  // Rows travel as values.
  if ('layers' in call) {
    const { rows, ...layers } = call.layers;
    return pack({ id, layers }, [], [rows]);
  }
  if ('head' in call) {
    const { rows, ...head } = call.head;
    return pack({ id, head }, [], [rows]);
  }
  return pack({ id, ...call }, [], []);
}

export function unpackCall(frame: ArrayBuffer): { readonly id: number; readonly call: PieceCall } {
  const { header, bodyStart } = readHeader<{ readonly id: number } & PieceCall>(frame);
  const { id, ...call } = header;
  const rows = new Float32Array(frame, bodyStart);
  if ('layers' in call) return { id, call: { layers: { ...call.layers, rows } } };
  if ('head' in call) return { id, call: { head: { ...call.head, rows } } };
  return { id, call };
}

/** @returns valid until the next frame is packed */
export function packAnswer(id: number, answer: PieceAnswer): Uint8Array {
  if ('error' in answer) return pack({ id, error: answer.error }, [], []);
  const { rows, head } = answer.ok;
  const numbers: number[] = [];
  const values = [rows];
  const sizes = head?.map(({ id: token, logit, sumExp, logits, embedding }) => {
    numbers.push(token, logit, sumExp);
    values.push(logits ?? NO_VALUES, embedding ?? NO_VALUES);
    return { nLogit: logits?.length ?? null, nEmbedding: embedding?.length ?? null };
  });
  return pack({ id, nRowValue: rows.length, head: sizes ?? null }, numbers, values);
}

export function unpackAnswer(frame: ArrayBuffer): {
  readonly id: number;
  readonly answer: PieceAnswer;
} {
  const { header, bodyStart } = readHeader<AnswerHeader>(frame);
  const { id } = header;
  if ('error' in header) return { id, answer: { error: header.error } };
  const { nRowValue, head } = header;
  const numbers = new Float64Array(frame, bodyStart, HEAD_NUMBERS * (head?.length ?? 0));
  let at = bodyStart + numbers.byteLength;
  const take = (n: number): Float32Array => {
    const values = new Float32Array(frame, at, n);
    at += values.byteLength;
    return values;
  };
  const rows = take(nRowValue);
  const read = ({ nLogit, nEmbedding }: HeadSizes, i: number): HeadRow => {
    const [token, logit, sumExp] = numbers.subarray(i * HEAD_NUMBERS);
    return {
      ...{ id: token!, logit: logit!, sumExp: sumExp! },
      logits: nLogit === null ? null : take(nLogit),
      // A copy, since it is kept: a view would keep the frame and its logits.
      embedding: nEmbedding === null ? null : take(nEmbedding).slice(),
    };
  };
  return { id, answer: { ok: { rows, head: head?.map(read) ?? null } } };
}

/**
 * A frame in memory that the next frame takes again: sending copies it. Buffers of their own would be 10 MB of
 * garbage before it is collected.
 */
let scratch = new ArrayBuffer(LEAST_SCRATCH_BYTES);

function pack(
  header: object,
  numbers: readonly number[],
  values: readonly Float32Array[],
): Uint8Array {
  const text = JSON.stringify(header);
  const nValue = values.reduce((sum, part) => sum + part.length, 0);
  // A character of UTF-16 takes three bytes of UTF-8 at the most.
  const headerBytes = alignBody(HEADER_START + MAX_CHARACTER_BYTES * text.length);
  const numberBytes = numbers.length * Float64Array.BYTES_PER_ELEMENT;
  const most = headerBytes + numberBytes + nValue * Float32Array.BYTES_PER_ELEMENT;
  const frame = most <= scratch.byteLength ? scratch : newFrame(most);
  const { written } = ENCODER.encodeInto(text, new Uint8Array(frame, HEADER_START));
  new Uint32Array(frame, 0, 1)[0] = written;
  const bodyStart = alignBody(HEADER_START + written);
  new Float64Array(frame, bodyStart, numbers.length).set(numbers);
  const all = new Float32Array(frame, bodyStart + numberBytes, nValue);
  let at = 0;
  for (const part of values) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(frame, 0, all.byteOffset + all.byteLength);
}

/** Frames of a few rows take one buffer by turns; those of prompts and of whole logits have their own. */
function newFrame(bytes: number): ArrayBuffer {
  const frame = new ArrayBuffer(bytes);
  if (bytes <= MOST_SCRATCH_BYTES) scratch = frame;
  return frame;
}

function readHeader<T>(frame: ArrayBuffer): { readonly header: T; readonly bodyStart: number } {
  const [length] = new Uint32Array(frame, 0, 1);
  const text = new Uint8Array(frame, HEADER_START, length);
  // Both ends are of one bundle.
  const header = JSON.parse(DECODER.decode(text)) as T;
  return { header, bodyStart: alignBody(HEADER_START + length!) };
}

function alignBody(bytes: number): number {
  const step = Float64Array.BYTES_PER_ELEMENT;
  return Math.ceil(bytes / step) * step;
}
