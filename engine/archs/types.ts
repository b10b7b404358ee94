/** What an architecture is made of: closed choices and rows of data. Knows no I/O and no kernels. */
import type { EncoderConfig, ModelConfig } from '../manifest/manifest.ts';
import type { TowerConfig } from '../manifest/tower-config.ts';
import type { RecognitionConfig } from '../manifest/recognition-config.ts';

/** Decides which preset rule a tensor falls under at import. */
export type TensorRole =
  | 'embedding'
  | 'head'
  | 'attention'
  | 'ffn'
  | 'convolution'
  | 'depthwise'
  | 'norm'
  | 'bias'
  | 'router'
  | 'positions';

/** Roles whose tensors are a thousandth of a model and stay f32: kernels read them as such. */
export const SMALL_ROLES: readonly TensorRole[] = [
  ...(['norm', 'bias', 'router', 'positions', 'depthwise'] as const),
];

/** Whose tensor names a file uses: GGUF's, Hugging Face's, CTranslate2's or those of ggml's older files. */
export const NAMINGS = ['gguf', 'hf', 'ct2', 'ggml'] as const;
export type Naming = (typeof NAMINGS)[number];

/** Where a tensor's values stand in a file. `C` is the config of a kind of model. */
export interface FilePlace<C = ModelConfig> {
  /** The file's name of it; `{i}` is the layer, `{e}` the expert. */
  readonly name: string;
  /** Ours are `shape[0]` rows (of a vector: values) from `from` of the file's `of`. */
  readonly part?: (c: C) => { readonly from: number; readonly of: number };
  /** The file's tensor is [nExpert, nRow, nCol] and holds those of all experts. */
  readonly stacked?: boolean;
  /** The file has columns as rows: [nCol, nRow]. */
  readonly transposed?: boolean;
  /** Sizes in the file where they are others than ours; the values lie in the same order. */
  readonly dims?: (c: C) => readonly number[];
  /** A convolution over this many neighbours: the file's [nRow, nCol / taps, taps] is our row of neighbours, one after the other. */
  readonly taps?: number;
  /** Added to the file's values (norms stored as distance from 1). */
  readonly plus?: number;
}

/** A row of any kind of model: `C` is its config; a family lacks the namings that no file of it uses. */
export interface AnyTensorSpec<C> extends Partial<Readonly<Record<Naming, FilePlace<C>>>> {
  /** Our name; `{i}` is the layer, `{e}` the expert. */
  readonly name: string;
  readonly role: TensorRole;
  /** One for each layer; of models with several stacks of layers, how many this stack has. */
  readonly perLayer: boolean | ((c: C) => number);
  /** One for each of config.nExpert experts. */
  readonly perExpert?: boolean;
  /** [nRow, nCol] of the logical matrix; a vector is [1, n]. */
  readonly shape: (c: C) => readonly [number, number];
  /** Whether models of this config have a place for it; all do by default. */
  readonly present?: (c: C) => boolean;
  /** Whether a file must have it. */
  readonly required: boolean | ((c: C) => boolean);
  /** Multiplied with many rows at a time: its work counts more than its bytes. */
  readonly manyRows?: boolean;
  /** Whether the config says that another tensor replaces it, even if a file has it. */
  readonly isAlias?: (c: C) => boolean;
  /** Rows of this tensor are permuted in HF files relative to GGUF's when `ggufPairing` is 'adjacent'. */
  readonly ropeRows?: 'nHead' | 'nKvHead';
}

/** A row of a decoder, which both formats know. */
export type TensorSpec = AnyTensorSpec<ModelConfig> & Readonly<Record<'gguf' | 'hf', FilePlace>>;

/** Fields of ModelConfig that are one number. */
export type NumberField = {
  [K in keyof ModelConfig]-?: NonNullable<ModelConfig[K]> extends number ? K : never;
}[keyof ModelConfig];

/** What has been read of a config so far, field by field in the order of its rows. */
export type PartialConfig = Partial<Record<NumberField, number>>;

/** One number of a config under its names in files. */
export interface ConfigRow {
  readonly field: NumberField;
  /** GGUF's key, without `<architecture>.`. */
  readonly gguf: string;
  /** The field of config.json. */
  readonly hf: string;
  /** Value when a file does not state it; without a fallback the file must state it, unless `optional`. */
  readonly fallback?: number | ((c: PartialConfig) => number);
  /** As `fallback`, for config.json only. */
  readonly hfFallback?: number;
  /** Whether the config may lack it. */
  readonly optional?: boolean;
  /** Written as a real number. */
  readonly isReal?: boolean;
}

/** A file's own settings, whatever its format. */
export interface FieldReader {
  readonly format: 'gguf' | 'hf';
  /** @throws {EngineError} E_FORMAT_INVALID for a value that is not a number, or missing without a fallback. */
  number(key: string, fallback?: number): number;
  /** The number, or undefined where the file does not state it. */
  optional(key: string): number | undefined;
  flag(key: string, fallback: boolean): boolean;
  /** The list, or null where the file has none of this name. */
  list(key: string): readonly unknown[] | null;
}

/** Description of a family of any kind of model; `C` is the config of the kind. */
export interface Family<C> {
  /** Name in the manifest; what files call it maps onto this. */
  readonly name: string;
  /** GGUF's `general.architecture`. */
  readonly ggufNames?: readonly string[];
  /** `model_type` of config.json. */
  readonly hfModelTypes: readonly string[];
  /** Names of specs in CTranslate2 files. */
  readonly ct2Specs?: readonly string[];
  /** What ggml's older files hold: each program has a layout of its own, which names no family. */
  readonly ggmlNames?: readonly string[];
  /** Prefix that some writers put before every HF name. */
  readonly hfPrefix?: string;
  readonly tensors: readonly AnyTensorSpec<C>[];
}

/**
 * act(up x), or act(gate x) * up x; 'gelu-erf' is exact, 'gelu-tanh' and 'gelu-gated' its approximation by tanh, 'gelu-quick'
 * that by a sigmoid (arXiv 1606.08415).
 */
export type EncoderFfn = 'gelu-erf' | 'gelu-tanh' | 'gelu-quick' | 'gelu-gated' | 'silu-gated';

/** A family of text encoders. */
export interface EncoderFamily extends Family<EncoderConfig> {
  /** Beginnings of names of tensors that no vector of a text depends on. */
  readonly unused: RegExp;
  /** Beginnings of names of tensors that only rerankers and classifiers read; embedding models may have them. */
  readonly ofClassifiers?: RegExp;
  /** Where the norm of a half is: before it, after its sum, or before it and again before what it adds is added. */
  readonly normed: 'before' | 'after' | 'around';
  readonly norm: 'layer' | 'rms';
  readonly ffn: EncoderFfn;
  /** What a row attends to: all rows of its text, or itself and those before it. */
  readonly sight: 'both' | 'before';
  /** What a reranker's scores are: logits, or probabilities of its classes; families without rerankers have none. */
  readonly score?: 'logit' | 'probability';
  /** Names in GGUF of a family of decoders, whose files are of this family when they state a pooling. */
  readonly pooledGgufNames?: readonly string[];
  /** Names of a config's numbers in GGUF, without `<architecture>.`, that differ from BERT's or that BERT lacks. */
  readonly ggufKeys?: Readonly<Partial<Record<EncoderNumberField, string>>>;
  /** Fields that follow from others, or that files do not state. */
  readonly complete?: (c: EncoderConfig, file: FieldReader) => Partial<EncoderConfig>;
}

/** Fields of EncoderConfig that are one number. */
export type EncoderNumberField = {
  [K in keyof EncoderConfig]-?: NonNullable<EncoderConfig[K]> extends number ? K : never;
}[keyof EncoderConfig];

/** A family of recognition models. */
export type RecognitionFamily = Family<RecognitionConfig>;

/** A family of vision towers: pre-norm blocks over the patches of a square (arXiv 2010.11929). */
export type TowerFamily = Family<TowerConfig>;

/** A family of decoders. */
export interface Architecture extends Family<ModelConfig> {
  readonly ggufNames: readonly string[];
  readonly norm: 'rms' | 'layer';
  readonly activation: 'silu' | 'gelu';
  /** 'gated': act(gate x) * up x; 'plain': act(up x); 'experts': gated, the router's choice of them. */
  readonly ffn: 'gated' | 'plain' | 'experts';
  /** 'learned': a row of the tensor `posEmbd` is added to each embedding. */
  readonly positions: 'rope' | 'learned';
  /**
   * The type of the cache in every preset. For families whose keys have a few values far larger than the
   * rest (biases): eight bits a head and token would lose the others.
   */
  readonly kvDtype?: 'f16';
  /** Which values of a head rotate together in GGUF files; in HF files always its two halves. */
  readonly ggufPairing: ModelConfig['ropePairing'];
  /**
   * When a file gives a sliding window: every n-th layer attends to everything, the others to their
   * window; 0 for a window in every layer. A file's own pattern goes first.
   */
  readonly windowPeriod?: number;
  /** `tie_word_embeddings` where config.json does not state it. */
  readonly hfTiedHead?: boolean;
  /** Switches of config.json that make optional tensors required, by our names without the layer. */
  readonly hfSwitches?: Readonly<Record<string, readonly string[]>>;
  /** Fields of config.json that must be missing, null or false: nothing here does what they ask. */
  readonly hfRefused?: readonly string[];
  readonly config: readonly ConfigRow[];
  /** Fields that follow from other numbers, or that files store in another way. */
  readonly complete?: (c: ModelConfig, file: FieldReader) => Partial<ModelConfig>;
  readonly tensors: readonly TensorSpec[];
}
