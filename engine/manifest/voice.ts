/** `manifest.json` of a voice that needs no neural network: which program speaks it, and its files. */
import { z } from 'zod';
import { about, fileName, sha256 } from './about.ts';

/** Bytes of one file; those of Pico are below 1 MB. */
export const VOICE_FILE_MAX_BYTES = 1024 * 1024;
/** Purpose and name of Pico's two files. */
export const PICO_FILES = { textAnalysis: 'text-analysis.bin', signal: 'signal.bin' } as const;

export const voiceManifestSchema = z.object({
  kind: z.literal('voice'),
  ...about,
  engine: z.literal('pico'),
  language: z.string().max(20),
  /** Samples a second. */
  sampleRate: z.number().int().min(8000).max(48_000),
  files: z
    .array(
      z.object({
        file: fileName,
        bytes: z.number().int().positive().max(VOICE_FILE_MAX_BYTES),
        sha256,
      }),
    )
    .max(8),
});

/** What is wrong, or null: the files its program reads must be there. */
export function voiceContradiction({ files }: z.output<typeof voiceManifestSchema>): string | null {
  const names = files.map(({ file }) => file).sort();
  const wanted = Object.values(PICO_FILES).sort();
  return names.join() === wanted.join() ? null : `files are not ${wanted.join(' and ')}`;
}
