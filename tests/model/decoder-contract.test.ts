/** Every decoder there is, held to the contract of engine/model/decoder/contract.ts. */
import { expect, it } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { engineOver } from '../support/backend-engines.ts';
import { LayeredDecoder } from '../support/layered-decoder.ts';
import { decoderFrom, STORIES_FILE } from '../support/models.ts';
import { ringFrom, STORIES_PIECES } from '../support/rings.ts';
import { ReferenceDecoder } from '../support/reference-decoder.ts';
import { describeDecoder, storiesReference } from './decoder-contract.ts';

for (const kernelBuild of ['relaxed', 'simd'] as const)
  describeDecoder(`WebAssembly (${kernelBuild})`, async () => {
    return (await decoderFrom(STORIES_FILE, 'lossless', { kernelBuild })).decoder;
  });

describeDecoder('plain TypeScript', async () => new ReferenceDecoder(await storiesReference()));

describeDecoder('WebAssembly that takes turns between layers', async () => {
  return new LayeredDecoder((await decoderFrom(STORIES_FILE, 'lossless')).decoder);
});

for (const overlap of [false, true])
  describeDecoder(`a ring of stages, ${overlap ? 'at the same time' : 'in turn'}`, async () => {
    return await ringFrom(STORIES_FILE, 'lossless', STORIES_PIECES, { overlap });
  });

it('an engine shows activations where its decoder can, and says so where it cannot', async () => {
  const { decoder } = await decoderFrom(STORIES_FILE, 'lossless');
  const seen = new Set<string>();
  const engine = engineOver(decoder);
  engine.observeInputs((tensor) => void seen.add(tensor));
  await engine.evaluate([1, 300], () => {});
  engine.observeInputs(null);
  expect(seen).toContain('layers.0.qProj');
  const plain = engineOver(new ReferenceDecoder(await storiesReference()), {
    kernelBuild: 'plain',
  });
  expect(() => plain.observeInputs(null)).toThrow(
    expect.objectContaining({
      code: 'E_INTERNAL',
      message: expect.stringMatching(/plain decoder of stories.*Engine\.load/) as string,
    }) as EngineError,
  );
});

it('an engine refuses a draft model with another tokenizer', async () => {
  const decoder = new ReferenceDecoder(await storiesReference());
  const model = { id: 'other', tokenizer: { sha256: '1'.repeat(64) }, config: decoder.config };
  const draft = engineOver(decoder, { model });
  expect(() => engineOver(decoder, { draft })).toThrow(EngineError);
  expect(() => engineOver(decoder, { draft })).toThrow(/other .*another tokenizer than stories/);
});
