/** How many isolates of 128 MB a model of the catalogue needs: what an import gave, or an estimate from its file. */
import { JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import { DEFAULT_BUDGET_BYTES } from '../../engine/placement/assign.ts';
import type { CatalogueEntry, CatalogueTask } from './catalogue/entry.ts';
import { downloadBytes } from './catalogue/entry.ts';

/** `count` is null for a model that is too large for one isolate and of a kind that is not divided. */
export interface Isolates {
  readonly count: number | null;
  readonly isExact: boolean;
}

interface StorageRow {
  readonly file: RegExp;
  /** Bytes of weights in memory for each byte of the file, by preset. */
  readonly ratio: Readonly<Record<'edge' | 'q8' | 'q6b', number>>;
}

/** By the end of a file's name. Measured where a model was imported (2026-11-29), else from the bits of the types. */
const STORAGE: readonly StorageRow[] = [
  // One bit and a scale for 128 weights become four bits.
  { file: /-Q1_0\.gguf$/i, ratio: { edge: 4, q8: 4, q6b: 4 } },
  { file: /q8_0\.gguf$/i, ratio: { edge: 1, q8: 1, q6b: 0.9 } },
  { file: /q4_k_m\.gguf$/i, ratio: { edge: 1.1, q8: 1.1, q6b: 1.1 } },
  // Floats of four bytes, and of two.
  { file: /\.(zip|pth)$/, ratio: { edge: 0.3, q8: 0.3, q6b: 0.27 } },
  { file: /^(model\.bin|ggml-(tiny|base)\.bin)/, ratio: { edge: 0.5, q8: 0.5, q6b: 0.5 } },
];
const SAME = { edge: 1, q8: 1, q6b: 1 };

/** Cache, working rows and tables beside the weights. */
const BESIDE_BYTES = 20_000_000;

/** Tasks whose models may be divided: their layers run one after the other. */
const DIVIDED: ReadonlySet<CatalogueTask> = new Set(['text']);

/** Null for models that are not placed in the pool. */
export function catalogueIsolates(entry: CatalogueEntry): Isolates | null {
  const { preset, isolates, task, files } = entry;
  if (preset === null) return null;
  if (isolates !== undefined) return { count: isolates, isExact: true };
  const { ratio } = STORAGE.find(({ file }) => file.test(files[0].name)) ?? { ratio: SAME };
  const weightBytes = downloadBytes(entry) * (preset === 'lossless' ? 1 : ratio[preset]);
  const count = Math.ceil((weightBytes + BESIDE_BYTES) / (DEFAULT_BUDGET_BYTES - JS_HEAP_BYTES));
  return { count: count === 1 || DIVIDED.has(task) ? count : null, isExact: false };
}

/** `5`, `about 5`, `none (†)`, `own (‡)`, `-` for what is not served yet: ISOLATES_NOTES explains the marks. */
export function describeIsolates(
  entry: CatalogueEntry,
  isolates = catalogueIsolates(entry),
): string {
  if (isolates === null) return runsAlone(entry) ? 'own (‡)' : '-';
  const { count, isExact } = isolates;
  if (count === null) return 'none (†)';
  return isExact ? String(count) : `about ${count}`;
}

function runsAlone({ onnxTask, task }: CatalogueEntry): boolean {
  return onnxTask !== undefined || task === 'text-to-speech';
}

export const ISOLATES_NOTES: readonly string[] = [
  '(†) larger than an isolate, and of a kind that is not divided: only on a machine of your own (thimble dev --memory 2GB).',
  '(‡) runs in a script of its own beside the pool.',
];
