/** The model a family's fixture stands for: its config, its weights, its Hugging Face folder. */
import { archByName } from '../../engine/archs/index.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import type { FamilyFixture } from './family-fixtures.ts';
import { randomConfig, randomTokens } from './random-llama.ts';
import { randomTensors, writeFamilyFolder } from './random-model.ts';
import type { TinyTensor } from './tiny-llama.ts';

/** More than two pages of cache, more than one chunk of prompt, more than three windows. */
export const FAMILY_TEXT = randomTokens(80);

export function titleOf({ family, variant }: FamilyFixture): string {
  return variant === undefined ? family : `${family}, ${variant}`;
}

export function configOf({ config = {} }: FamilyFixture): ModelConfig {
  return { ...randomConfig(config), ...config };
}

export function tensorsOf(fixture: FamilyFixture): TinyTensor[] {
  const arch = archByName(fixture.family);
  return randomTensors(arch, configOf(fixture), fixture.seed, fixture.biases);
}

export async function writeFixtureFolder(
  folder: string,
  fixture: FamilyFixture,
  tensors: readonly TinyTensor[] = tensorsOf(fixture),
): Promise<void> {
  const arch = archByName(fixture.family);
  const switches = Object.keys(arch.hfSwitches ?? {});
  const hasBiases = fixture.biases === true;
  const fields = { ...fixture.hf, ...Object.fromEntries(switches.map((key) => [key, hasBiases])) };
  await writeFamilyFolder(folder, arch, configOf(fixture), tensors, fields);
}
