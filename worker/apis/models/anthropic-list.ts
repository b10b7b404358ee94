/** The list of models as Anthropic's clients read it. */
import type { StoredManifest } from '../../platform/model-files.ts';

/** Sent by Anthropic's clients only. */
export const ANTHROPIC_HEADER = 'anthropic-version';

export function anthropicList(models: readonly StoredManifest[]): object {
  const data = models.map(({ manifest: { id, name, createdAt } }) => ({
    ...{ type: 'model', id, display_name: name, created_at: createdAt },
  }));
  const ids = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return { data, has_more: false, ...ids };
}
