/** Memory of an isolate and the part of it kept for JavaScript: the numbers of every kind of plan. */

/** Memory of one isolate, JavaScript heap and WebAssembly together (Workers platform limits). */
export const ISOLATE_BYTES = 128_000_000;
/** Kept for the JavaScript heap of a stage, as measured (README.md). */
export const JS_HEAP_BYTES = 11_000_000;
