/** Benches without options of their own: `thimble bench grammars` and `thimble bench onnx-memory`. */
import type { Command } from 'commander';
import { addJson, benchCommand, note, printResult } from './common.ts';

interface OtherBench {
  readonly name: string;
  readonly summary: string;
  /** The result, and the same for people. */
  readonly run: () => Promise<{ readonly result: object; readonly text: string }>;
}

const OTHERS: readonly OtherBench[] = [
  {
    name: 'grammars',
    summary: 'measure what holding output to a grammar costs a token',
    async run() {
      const { benchGrammars, describeGrammars } =
        await import('../../bench/workloads/grammar-masks.ts');
      const result = await benchGrammars(note);
      return { result, text: describeGrammars(result) };
    },
  },
  {
    name: 'onnx-memory',
    summary: "measure the memory of the ONNX script's isolate while imported models run",
    async run() {
      const { benchOnnxMemory, describeOnnxMemory } =
        await import('../../bench/workloads/onnx-memory.ts');
      const result = await benchOnnxMemory(note);
      return { result, text: describeOnnxMemory(result) };
    },
  },
];

export function registerOthers(parent: Command): void {
  for (const { name, summary, run } of OTHERS) {
    const command = benchCommand(parent, name, summary, [name, `${name} --json`]);
    addJson(command).action(async ({ json }: { readonly json?: boolean }) => {
      const { result, text } = await run();
      printResult(result, text, json);
    });
  }
}
