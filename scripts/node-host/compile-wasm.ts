/** Compiles WebAssembly from a file. Workers may not, so their types, which take precedence over Node's, lack it. */
import { readFile } from 'node:fs/promises';

interface WasmCompiler {
  compile(bytes: Uint8Array): Promise<WebAssembly.Module>;
}

export async function compileWasm(path: string): Promise<WebAssembly.Module> {
  return await (WebAssembly as unknown as WasmCompiler).compile(await readFile(path));
}
