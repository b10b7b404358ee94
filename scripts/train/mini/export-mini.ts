/** The trained small model as a folder that `thimble import` reads: Llama's form, with what it sees and hears beside it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Modalities } from '../../../engine/manifest/modalities.ts';
import { exportModel } from '../export-model.ts';
import type { MiniRun } from './run-mini.ts';
import { MARKERS, type Vocabulary } from './vocabulary.ts';

/** Turns as ExampleWriter writes them; a system's text is read as the user's. */
export const CHAT_TEMPLATE =
  `{% for message in messages %}{% if message.role == 'assistant' %}${MARKERS.assistant}{{ message.content }}${MARKERS.end}` +
  `{% else %}${MARKERS.user}{{ message.content }}{% endif %}{% endfor %}` +
  `{% if add_generation_prompt %}${MARKERS.assistant}{% endif %}`;

export function miniModalities(
  { image, audio }: Pick<MiniRun['config'], 'image' | 'audio'>,
  { ids }: Vocabulary,
): Modalities {
  return {
    image: { ...image, beginId: ids.beginImage, endId: ids.endImage },
    audio: { ...audio, beginId: ids.beginAudio, endId: ids.endAudio },
  };
}

export async function exportMini(
  folder: string,
  { training, shape, vocabulary, config }: MiniRun,
): Promise<void> {
  const { json, ids, endOfText } = vocabulary;
  await exportModel(folder, training, shape, {
    ...{ json, endId: endOfText, endIds: [ids.end, endOfText] },
    modalities: miniModalities(config, vocabulary),
  });
  const settings = { eos_token: MARKERS.end, chat_template: CHAT_TEMPLATE };
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  await writeFile(join(folder, 'tokenizer_config.json'), text);
}
