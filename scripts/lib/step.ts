/** A named step with progress: `pull      12.3 MB of 98.4 MB (12 %), 8.1 MB/s, 11 s left`. */
import process from 'node:process';
import { ProgressLine } from './progress.ts';
import type { OnProgress } from './progress.ts';

const LABEL_WIDTH = 10;

export interface StepTools {
  readonly onProgress: OnProgress;
  /** A plain line under the step's name, for what a person must see even when all goes well. */
  readonly note: (text: string) => void;
}

/** Runs `work`; its `text` becomes the step's last line. After a failure the next output begins on a line of its own. */
export async function runStep<T>(
  name: string,
  work: (tools: StepTools) => Promise<{ text: string; value: T }>,
): Promise<T> {
  const label = name.padEnd(LABEL_WIDTH);
  const line = new ProgressLine(label);
  const note = (text: string) => {
    line.fail();
    process.stderr.write(`${label}${text}\n`);
  };
  try {
    const { text, value } = await work({ onProgress: line.update, note });
    line.finish(text);
    return value;
  } catch (error) {
    line.fail();
    throw error;
  }
}
