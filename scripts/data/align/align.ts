/** Agreement of texts with what is beside them: recordings by what is heard, pictures by where both lie in one space. */
import type { Operation } from '../rewrite.ts';
import { PictureAgreement } from './pictures.ts';
import type { EmbedPair } from './pictures.ts';
import { RecordingAgreement } from './recordings.ts';
import type { Transcribe } from './recordings.ts';

export interface AlignOptions {
  readonly transcribe: Transcribe;
  readonly embed: EmbedPair;
  /** Rows with more errors a word are dropped. */
  readonly maxRate: number;
  /** Rows whose text agrees less with its picture are dropped. */
  readonly minAgreement: number;
  /** Decides which other pictures texts are compared with. */
  readonly seed: number;
  /** Folder of the report, which links recordings from there. */
  readonly out: string;
}

export function alignOperation(options: AlignOptions): Operation {
  const recordings = new RecordingAgreement(options);
  const pictures = new PictureAgreement(options);
  return {
    decide: async (row, _number, problems) => {
      if (row.media !== null)
        return await (row.media.kind === 'image' ? pictures : recordings).decide(
          { ...row, media: row.media },
          problems,
        );
      const problem = 'names no picture or recording';
      const fix = 'Name it in a field image or audio, in a folder with the files.';
      const { file, line } = row;
      problems.add({ file, line, field: null, value: undefined, problem, fix });
      return { dropped: problem };
    },
    sections: () => [...recordings.sections(), ...pictures.sections()],
  };
}
