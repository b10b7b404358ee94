/** What rows of the catalogue are made of. */
import type { RecommendedSampling } from '../../../engine/manifest/manifest.ts';
import type { OnnxTask } from '../../../engine/manifest/onnx.ts';

/** A piece of a file that a package holds; pieces are joined in their order. */
export interface FilePart {
  readonly source: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A file in several packages, each of which holds one part. */
export interface PartedSource {
  readonly parts: readonly [FilePart, ...FilePart[]];
}

export interface CatalogueFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** In the order in which they are tried. */
  readonly sources: readonly (string | PartedSource)[];
}

export type CatalogueTask =
  | 'text'
  | 'speech-to-text'
  | 'text-to-speech'
  | 'voice-activity'
  | 'embedding'
  | 'reranking'
  | 'image-classification'
  | 'text-recognition';

export interface MeasuredSpeed {
  readonly value: number;
  /** When it was measured, as 2026-11-29. */
  readonly date: string;
}

export interface CatalogueEntry {
  readonly id: string;
  readonly title: string;
  /** What the model is for, in a few words. */
  readonly task: CatalogueTask;
  /** What it does well among models of its task, in one line. */
  readonly goodFor: string;
  readonly licence: string;
  /** Where the terms of a licence are that is not permissive: it restricts use or asks for more than its notice. */
  readonly terms?: string;
  /** The family of a GGUF file (`general.architecture`): checked before its bytes are fetched. */
  readonly architecture?: string;
  /** Options of its import; null for files that can only be pulled yet. */
  readonly preset: 'edge' | 'lossless' | 'q8' | 'q6b' | null;
  /** How its makers recommend to sample, for requests that say nothing else. */
  readonly sampling?: RecommendedSampling;
  /** Isolates of 128 MB that it needs as imported with its preset, where that has been done. */
  readonly isolates?: number;
  /** Tokens a second of one answer in the local runtime, on one core of the machine of docs/benchmarks.md. */
  readonly measuredTokensPerSecond?: MeasuredSpeed | undefined;
  /** The task an .onnx file is imported for. */
  readonly onnxTask?: OnnxTask['name'];
  /** The first is the one to import; others lie beside it. */
  readonly files: readonly [CatalogueFile, ...CatalogueFile[]];
  /** Short model card, for `thimble inspect` and /v1/models. */
  readonly card: string;
}

/** One file of a hub's repository, `org/repo/file`, which may have other sources too. */
export function hubFile(
  path: string,
  bytes: number,
  sha256: string,
  ...others: CatalogueFile['sources']
): readonly [CatalogueFile] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return [{ name, bytes, sha256, sources: [`hf:${path}`, ...others] }];
}

/** Bytes that a pull of the entry fetches. */
export function downloadBytes({ files }: CatalogueEntry): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** `31 (2026-11-29)`; `-` where it was not measured. */
export function describeSpeed({ measuredTokensPerSecond }: CatalogueEntry): string {
  if (measuredTokensPerSecond === undefined) return '-';
  const { value, date } = measuredTokensPerSecond;
  return `${value} (${date})`;
}
