/** Writes CTranslate2's model.bin, version 6 (engine/formats/ctranslate2.ts), of F32 tensors and settings. */
import { ByteWriter } from './byte-writer.ts';

export interface WrittenVariable {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

export function writeCtranslate2(
  variables: readonly WrittenVariable[],
  scalars: Readonly<Record<string, number>>,
  aliases: Readonly<Record<string, string>> = {},
  { version = 6, spec = 'WhisperSpec' } = {},
): Uint8Array {
  const out = new ByteWriter();
  const string = (text: string): void => {
    out.number(2, (view) => view.setUint16(0, text.length + 1, true));
    out.text(text).raw(new Uint8Array(1));
  };
  const byte = (value: number): void => void out.raw(Uint8Array.of(value));
  out.u32(version);
  string(spec);
  out.u32(3).u32(variables.length + Object.keys(scalars).length);
  for (const [name, value] of Object.entries(scalars)) {
    string(name);
    byte(0);
    byte(2);
    out.u32(2).number(2, (view) => view.setInt16(0, value, true));
  }
  for (const { name, dims, values } of variables) {
    string(name);
    byte(dims.length);
    for (const dim of dims) out.u32(dim);
    byte(0);
    out.u32(values.byteLength).floats(values);
  }
  out.u32(Object.keys(aliases).length);
  for (const [alias, name] of Object.entries(aliases)) {
    string(alias);
    string(name);
  }
  return out.done();
}
