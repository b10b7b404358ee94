/** Huffman codes as audio standards list them, packed into text. */
import { EngineError } from '../base/errors.ts';

/** A complete prefix code: by symbol, its bits and how many they are. */
export interface PrefixCode {
  readonly codes: Uint32Array;
  readonly lengths: Uint8Array;
}

const RADIX = 36;

/**
 * Unpacks symbols written in the order of their codes, so that the lengths alone determine the codes.
 * @param packed for each symbol `symbolChars` hexadecimal digits, then its length as one digit of base 36
 * @param nSymbol one more than the largest symbol
 * @throws {EngineError} E_INTERNAL for lengths that are not a complete code
 */
export function unpackPrefixCode(packed: string, symbolChars: number, nSymbol: number): PrefixCode {
  const codes = new Uint32Array(nSymbol);
  const lengths = new Uint8Array(nSymbol);
  const step = symbolChars + 1;
  let code = 0;
  let before = 0;
  for (let at = 0; at < packed.length; at += step) {
    const symbol = Number.parseInt(packed.slice(at, at + symbolChars), 16);
    const length = Number.parseInt(packed.charAt(at + symbolChars), RADIX);
    code = length >= before ? code * 2 ** (length - before) : code >>> (before - length);
    codes[symbol] = code;
    lengths[symbol] = length;
    code += 1;
    before = length;
  }
  if (code !== 2 ** before)
    throw new EngineError(
      'E_INTERNAL',
      `prefix code: ${code} of ${2 ** before} codes; incomplete.`,
    );
  return { codes, lengths };
}
