/** What an architecture is made of: closed choices and rows of data. Knows no I/O and no kernels. */
import type { ModelConfig } from '../formats/manifest.ts';

/** Decides which preset rule a tensor falls under at import. */
export type TensorRole = 'embedding' | 'head' | 'attention' | 'ffn' | 'norm' | 'bias';

export interface TensorSpec {
  /** Our name; `{i}` is the layer. */
  readonly name: string;
  /** GGUF's name; `{i}` is the layer. */
  readonly gguf: string;
  /** The name in Hugging Face's safetensors; `{i}` is the layer. */
  readonly hf: string;
  readonly role: TensorRole;
  readonly perLayer: boolean;
  /** [nRow, nCol] of the logical matrix; a vector is [1, n]. */
  readonly shape: (c: ModelConfig) => readonly [number, number];
  /** False: may be missing from a file. */
  readonly required: boolean | ((c: ModelConfig) => boolean);
  /** Rows of this tensor are permuted in HF files relative to GGUF's, per head of headDim (RoPE pairing). */
  readonly ropeRows?: 'nHead' | 'nKvHead';
}

export interface Architecture {
  /** Name in the manifest; GGUF's `general.architecture` and HF's `model_type` map onto it. */
  readonly name: string;
  readonly ggufNames: readonly string[];
  readonly hfModelTypes: readonly string[];
  readonly norm: 'rms';
  readonly activation: 'silu';
  readonly ffn: 'gated';
  readonly tensors: readonly TensorSpec[];
}
