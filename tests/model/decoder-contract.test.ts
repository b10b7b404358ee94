/** Every decoder there is, held to the contract of engine/model/decoder/contract.ts. */
import { LayeredDecoder } from '../support/layered-decoder.ts';
import { decoderFrom, STORIES_FILE } from '../support/models.ts';
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
