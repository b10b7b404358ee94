/** WebAssembly from a file: what Workers may not do, and their types, which win over Node's, leave out. */
import { readFile } from 'node:fs/promises';

interface WasmCompiler {
  compile(bytes: Uint8Array): Promise<WebAssembly.Module>;
}

export async function compileWasm(path: string): Promise<WebAssembly.Module> {
  return await (WebAssembly as unknown as WasmCompiler).compile(await readFile(path));
}
