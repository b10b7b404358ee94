/** The list of models as Anthropic's clients read it. */
import { adapterModelId } from '../../../engine/manifest/adapters.ts';
import type { StoredManifest } from '../../platform/model-files.ts';
import type { ListedAdapter } from '../../serving/models/list-manifests.ts';

/** Sent by Anthropic's clients only. */
export const ANTHROPIC_HEADER = 'anthropic-version';

export function anthropicList(
  models: readonly StoredManifest[],
  adapters: readonly ListedAdapter[],
): object {
  const row = (id: string, name: string, createdAt: string) => {
    return { type: 'model', id, display_name: name, created_at: createdAt };
  };
  const data = [
    ...models.map(({ manifest: { id, name, createdAt } }) => row(id, name, createdAt)),
    ...adapters.map(({ base: { manifest }, adapter: { name, createdAt } }) =>
      row(adapterModelId(manifest.id, name), adapterModelId(manifest.name, name), createdAt),
    ),
  ];
  const ids = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return { data, has_more: false, ...ids };
}
