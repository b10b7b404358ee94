/** `thimble bench grammars` and `thimble bench onnx-memory`. */
import type { Command } from 'commander';
import { addJson, benchCommand, note, printResult } from './common.ts';

interface Flags {
  readonly json?: boolean;
}

export function registerOthers(parent: Command): void {
  const grammars = benchCommand(
    parent,
    'grammars',
    'measure what holding output to a grammar costs a token',
    ['grammars', 'grammars --json'],
  );
  addJson(grammars).action(async ({ json }: Flags) => {
    const { benchGrammars, describeGrammars } =
      await import('../../bench/workloads/grammar-masks.ts');
    const result = await benchGrammars(note);
    printResult(result, describeGrammars(result), json);
  });
  const memory = benchCommand(
    parent,
    'onnx-memory',
    "measure the ONNX script's isolate while imported models run",
    ['onnx-memory', 'onnx-memory --json'],
  );
  addJson(memory).action(async ({ json }: Flags) => {
    const { benchOnnxMemory, describeOnnxMemory } =
      await import('../../bench/workloads/onnx-memory.ts');
    const result = await benchOnnxMemory(note);
    printResult(result, describeOnnxMemory(result), json);
  });
}
