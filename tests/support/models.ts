/** Where tests find real model files. */
import { existsSync } from 'node:fs';

/** Path of the SmolLM2-135M-Instruct GGUF that `npm start` pulls. */
export function smollm2Gguf(): Promise<string> {
  const path = process.env['THIMBLE_TEST_GGUF'];
  if (path !== undefined && existsSync(path)) return Promise.resolve(path);
  return Promise.reject(new Error('tests: set THIMBLE_TEST_GGUF to the SmolLM2-135M GGUF file.'));
}
