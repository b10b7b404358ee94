/** Modules that the build turns into what the platform loads. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
declare module '*.html' {
  const text: string;
  export default text;
}
/** Made by scripts/build/ort.ts: onnxruntime-web with a memory of its own. */
declare module '*/create-ort.mjs' {
  const createOrt: (webAssembly: typeof WebAssembly) => typeof import('onnxruntime-web/wasm');
  export default createOrt;
}
