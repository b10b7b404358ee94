/** One channel of a FLAC frame (RFC 9639, section 9.2): its prediction, and the residual. */
import { invalidAudio } from './audio-reader.ts';
import type { BitReader } from './bit-reader.ts';

/** Coefficients of the fixed predictors, newest sample first (section 9.2.5). */
const FIXED: readonly (readonly number[])[] = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];
const FIRST_LPC = 32;

/**
 * @param bits of a sample, one more for a channel that is a difference
 * @returns whole numbers; doubles, since a 32-bit difference needs 33 bits
 * @throws {RangeError} when the data ends; {EngineError} E_AUDIO_INVALID for undefined codes
 */
export function readSubframe(reader: BitReader, blockSize: number, bits: number): Float64Array {
  reader.read(1);
  const type = reader.read(6);
  const wasted = reader.read(1) === 1 ? reader.readUnary() + 1 : 0;
  const left = bits - wasted;
  if (left < 1) throw invalid('more unused bits than bits');
  const values = new Float64Array(blockSize);
  if (type === 0) values.fill(reader.readSigned(left));
  else if (type === 1) readRaw(reader, values, blockSize, left);
  else if (type >= 8 && type <= 12) readFixed(reader, values, type - 8, left);
  else if (type >= FIRST_LPC) readLpc(reader, values, type - FIRST_LPC + 1, left);
  else throw invalid(`a subframe of type ${type}`);
  if (wasted > 0) for (let i = 0; i < blockSize; i++) values[i]! *= 2 ** wasted;
  return values;
}

function readRaw(reader: BitReader, values: Float64Array, n: number, bits: number): void {
  for (let i = 0; i < n; i++) values[i] = reader.readSigned(bits);
}

function readFixed(reader: BitReader, values: Float64Array, order: number, bits: number): void {
  if (order > values.length) throw invalid('a predictor longer than its block');
  readRaw(reader, values, order, bits);
  readResidual(reader, values, order);
  predict(values, FIXED[order]!, 0);
}

function readLpc(reader: BitReader, values: Float64Array, order: number, bits: number): void {
  if (order > values.length) throw invalid('a predictor longer than its block');
  readRaw(reader, values, order, bits);
  const precision = reader.read(4) + 1;
  const shift = reader.readSigned(5);
  if (precision === 16 || shift < 0) throw invalid('a predictor of a form that is not defined');
  const coefficients = Array.from({ length: order }, () => reader.readSigned(precision));
  readResidual(reader, values, order);
  predict(values, coefficients, shift);
}

/** values[i] += floor(prediction from the samples before / 2^shift); the first `order` stay. */
function predict(values: Float64Array, coefficients: readonly number[], shift: number): void {
  const order = coefficients.length;
  const scale = 2 ** -shift;
  for (let i = order; i < values.length; i++) {
    let sum = 0;
    for (let j = 0; j < order; j++) sum += coefficients[j]! * values[i - 1 - j]!;
    values[i]! += Math.floor(sum * scale);
  }
}

/** Reads the residual of the prediction into values[order] and on (section 9.2.7). */
function readResidual(reader: BitReader, values: Float64Array, order: number): void {
  const method = reader.read(2);
  if (method > 1) throw invalid(`a residual of method ${method}`);
  const parameterBits = method === 0 ? 4 : 5;
  const escape = 2 ** parameterBits - 1;
  const nPartition = 2 ** reader.read(4);
  const length = values.length / nPartition;
  if (!Number.isInteger(length) || length < order) throw invalid('partitions that do not fit');
  for (let p = 0; p < nPartition; p++) {
    const from = p === 0 ? order : p * length;
    const parameter = reader.read(parameterBits);
    if (parameter === escape) {
      const bits = reader.read(5);
      for (let i = from; i < (p + 1) * length; i++) values[i] = reader.readSigned(bits);
    } else readRice(reader, values, from, (p + 1) * length, parameter);
  }
}

function readRice(
  reader: BitReader,
  values: Float64Array,
  from: number,
  to: number,
  parameter: number,
): void {
  const scale = 2 ** parameter;
  for (let i = from; i < to; i++) {
    const folded = reader.readUnary() * scale + reader.read(parameter);
    // Even numbers are the positive ones.
    values[i] = folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
  }
}

function invalid(what: string) {
  return invalidAudio(`flac: ${what}`, 'an undamaged file', 'Encode it again');
}
