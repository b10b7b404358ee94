/** A training's memory as the threads see it beside its values; its size never changes. */
export interface Views {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

/** Asked for in every phase: a plan is made before there is a memory. */
export type ReadViews = () => Views;

export function viewsOf(memory: WebAssembly.Memory): ReadViews {
  const views = { words: new Int32Array(memory.buffer), doubles: new Float64Array(memory.buffer) };
  return () => views;
}
