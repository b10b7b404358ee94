/** Little-endian bytes, appended one after the other: what test writers of file formats share. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  bytes = 0;

  raw(data: Uint8Array): this {
    this.#parts.push(data.slice());
    this.bytes += data.byteLength;
    return this;
  }
  text(text: string): this {
    return this.raw(new TextEncoder().encode(text));
  }
  number(length: number, put: (view: DataView) => void): this {
    const data = new Uint8Array(length);
    put(new DataView(data.buffer));
    return this.raw(data);
  }
  u32(value: number): this {
    return this.number(4, (view) => view.setUint32(0, value, true));
  }
  i32(value: number): this {
    return this.number(4, (view) => view.setInt32(0, value, true));
  }
  u64(value: number | bigint): this {
    return this.number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }
  f32(value: number): this {
    return this.number(4, (view) => view.setFloat32(0, value, true));
  }
  floats(values: Float32Array): this {
    return this.raw(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  align(multiple: number): this {
    return this.raw(new Uint8Array((multiple - (this.bytes % multiple)) % multiple));
  }
  done(): Uint8Array {
    const out = new Uint8Array(this.bytes);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.byteLength;
    }
    return out;
  }
}
