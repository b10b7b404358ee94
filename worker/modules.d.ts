/** Modules that the build turns into what the platform loads. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
declare module '*.html' {
  const text: string;
  export default text;
}
