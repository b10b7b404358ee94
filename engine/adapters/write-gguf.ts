/** Writes GGUF files of adapters, version 3, with 32-bit values. Spec: github.com/ggml-org/ggml/blob/master/docs/gguf.md */
import { archByName } from '../archs/index.ts';
import { roundUp } from '../base/dtypes.ts';
import { joinBytes } from '../base/joined.ts';
import type { Adapter, AdapterBase } from './adapter.ts';
import { ACTIVATION_KEY } from './gguf-adapter.ts';
import { writePairs } from './write-pairs.ts';

const ALIGN_BYTES = 32;
const VERSION = 3;
/** `gguf_metadata_value_type`, and `ggml_type` of 32-bit values. */
const TYPES = { u32: 4, f32: 6, string: 8, array: 9 } as const;
const GGML_F32 = 0;

/** @throws {EngineError} E_ADAPTER_UNSUPPORTED for pairs that such files cannot hold */
export function writeGgufAdapter(adapter: Adapter, base: AdapterBase): Uint8Array<ArrayBuffer> {
  const { rank, scale, activation, baseName } = adapter;
  const tensors = writePairs(adapter, base, 'gguf').flatMap(({ module, a, shapeA, b, shapeB }) => [
    { name: `${module}.weight.lora_a`, shape: shapeA, values: a },
    { name: `${module}.weight.lora_b`, shape: shapeB, values: b },
  ]);
  const keys: Uint8Array[] = [
    textKey('general.type', 'adapter'),
    textKey('general.architecture', archByName(base.architecture).ggufNames[0]!),
    textKey('adapter.type', 'lora'),
    // Readers take alpha / rank.
    joinBytes([text('adapter.lora.alpha'), u32(TYPES.f32), f32(scale * rank)]),
  ];
  if (baseName !== null) keys.push(textKey('general.base_model.0.name', baseName));
  if (activation !== null) keys.push(listKey(ACTIVATION_KEY, activation));
  let offset = 0;
  const entries = tensors.map(({ name, shape: [nRow, nCol], values }) => {
    const entry = joinBytes([text(name), u32(2), u64(nCol), u64(nRow), u32(GGML_F32), u64(offset)]);
    offset = roundUp(offset + values.byteLength, ALIGN_BYTES);
    return entry;
  });
  const magic = new TextEncoder().encode('GGUF');
  const counts = joinBytes([u32(VERSION), u64(tensors.length), u64(keys.length)]);
  const head = joinBytes([magic, counts, ...keys, ...entries]);
  const start = roundUp(head.length, ALIGN_BYTES);
  const out = new Uint8Array(start + offset);
  out.set(head);
  let at = start;
  for (const { values } of tensors) {
    out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at = roundUp(at + values.byteLength, ALIGN_BYTES);
  }
  return out;
}

function textKey(key: string, value: string): Uint8Array {
  return joinBytes([text(key), u32(TYPES.string), text(value)]);
}

function listKey(key: string, ids: readonly number[]): Uint8Array {
  return joinBytes([text(key), u32(TYPES.array), u32(TYPES.u32), u64(ids.length), ...ids.map(u32)]);
}

function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return joinBytes([u64(bytes.length), bytes]);
}

function u32(value: number): Uint8Array {
  return number(4, (view) => view.setUint32(0, value, true));
}

function u64(value: number): Uint8Array {
  return number(8, (view) => view.setBigUint64(0, BigInt(value), true));
}

function f32(value: number): Uint8Array {
  return number(4, (view) => view.setFloat32(0, value, true));
}

function number(bytes: number, set: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  set(view);
  return new Uint8Array(view.buffer);
}
