/**
 * The real tiny.en as a file of whisper.cpp: what is heard is, event by event, what the CTranslate2 folder hears.
 * @module-tag slow
 */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import {
  eventsOf,
  recognitionEngineFrom,
  textOf,
  transcribeAll,
} from '../support/recognition-models.ts';
import { temporaryFolder } from '../support/models.ts';
import { findModelFile, findRecording } from '../support/needs.ts';
import { readWav } from '../support/recordings.ts';
import { whisperAsGgml } from '../support/whisper-as-ggml.ts';

const path = findRecording();
const file = findModelFile('whisper-tiny.en');

it.skipIf(path === null || file === null)(
  'hears what the CTranslate2 folder hears',
  async () => {
    await using root = await temporaryFolder();
    const ggml = join(root.path, 'ggml-tiny.en.bin');
    const folder = dirname(file ?? '');
    await writeFile(ggml, await whisperAsGgml(folder));
    const samples = await readWav(path ?? '');
    for (const preset of ['lossless', 'edge']) {
      const [want, got] = await Promise.all(
        [folder, ggml].map(async (input) => {
          const { engine, tokenizer } = await recognitionEngineFrom(input, preset);
          const events = await transcribeAll(engine, samples, { withWords: true });
          const heard = [...eventsOf(events, 'segment'), ...eventsOf(events, 'words')];
          return { heard, text: textOf(events, tokenizer) };
        }),
      );
      expect(got!.text).toMatch(/ask not what your country can do for you/i);
      expect(got!.heard.at(-1)?.type).toBe('words');
      expect(got!.heard).toEqual(want!.heard);
    }
  },
  120_000,
);
