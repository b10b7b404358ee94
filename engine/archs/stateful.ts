/**
 * Families whose layers keep a state beside or instead of a key/value cache: short convolutions, gated delta
 * nets, state-space (Mamba) and RWKV layers. Nothing here computes them, and pages of a cache cannot hold what
 * they keep; they are known by name so that a file of theirs is refused with the reason.
 */

/** `general.architecture` of GGUF files, and `model_type` of config.json. */
const STATEFUL_NAMES: ReadonlySet<string> = new Set([
  ...['lfm2', 'lfm2moe', 'lfm2_moe', 'lfm2_vl'],
  ...['qwen3next', 'qwen3_next', 'qwen35', 'qwen35moe', 'qwen3_5', 'qwen3_5_text', 'qwen3_5_moe'],
  ...['granitehybrid', 'granitemoehybrid', 'bamba', 'kimi-linear', 'kimi_linear'],
  ...['mamba', 'mamba2', 'falcon_mamba', 'codestral_mamba', 'zamba', 'zamba2'],
  ...['rwkv', 'rwkv5', 'rwkv6', 'rwkv6qwen2', 'rwkv7', 'arwkv7'],
  ...['jamba', 'falcon-h1', 'falcon_h1', 'nemotron_h', 'nemotron_h_moe', 'plamo2'],
  ...['recurrent_gemma', 'recurrentgemma', 'xlstm'],
]);

/** Beginnings of names that such models are published by, without their organisation. */
const STATEFUL_MODELS: readonly (readonly [RegExp, string])[] = [
  [/^lfm2/i, 'lfm2'],
  [/^qwen3\.5/i, 'qwen35'],
  [/^qwen3-next/i, 'qwen3next'],
  [/^granite-4\.\d-h-/i, 'granitehybrid'],
  [/^(codestral-)?mamba/i, 'mamba'],
  [/^rwkv/i, 'rwkv7'],
  [/^(ai21-)?jamba/i, 'jamba'],
  [/^falcon-h1/i, 'falcon-h1'],
  [/^nemotron-(h|nano-9b-v2)/i, 'nemotron_h'],
];

export function isStateful(fileName: string): boolean {
  return STATEFUL_NAMES.has(fileName);
}

/** The stateful family of a model of this name, or null: its file need not be fetched to know. */
export function statefulFamilyOf(modelName: string): string | null {
  return STATEFUL_MODELS.find(([pattern]) => pattern.test(modelName))?.[1] ?? null;
}
