/** An engine over any decoder of stories260K, as `Engine.load` makes one over WebAssembly. */
import { Engine } from '../../engine/generate/engine.ts';
import type { EngineParts } from '../../engine/generate/engine.ts';
import type { DecoderBackend } from '../../engine/model/decoder/contract.ts';

/** @param weightBytes what a pass costs beside those of other engines */
export function engineOver(
  decoder: DecoderBackend,
  { weightBytes = 1, ...changes }: Partial<EngineParts> & { readonly weightBytes?: number } = {},
): Engine {
  const { config, limits } = decoder;
  return new Engine({
    model: { id: 'stories', tokenizer: { sha256: '0'.repeat(64) }, config },
    decoder,
    plan: {
      nCtx: limits.nCtx,
      totalBytes: 0,
      wasmBytes: 0,
      regions: { weights: { bytes: weightBytes } },
    },
    kernelBuild: 'test',
    loadMs: 0,
    ...changes,
  });
}
