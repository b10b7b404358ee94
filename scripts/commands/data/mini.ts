/** `thimble data mini`: a small data set of three modalities. */
import type { Command } from 'commander';
import { writeMini } from '../../data/mini/mini.ts';
import { Problems } from '../../data/problems.ts';
import { parseCount } from '../../lib/arguments.ts';
import {
  setInterruptOutcome,
  INTERRUPTED_EXIT_CODE,
  interruptSignal,
  onInterrupt,
} from '../../lib/interrupt.ts';
import { runStep } from '../../lib/step.ts';
import { aboutOf, addCardOptions, parseSeed, printJson, printReport } from './common.ts';
import type { CardFlags } from './common.ts';

interface MiniFlags extends CardFlags {
  readonly out: string;
  readonly seed: number;
  readonly scenes: number;
  readonly dialogues: number;
  readonly easyVqa?: string;
  readonly fsdd?: string;
}

const EXAMPLES = `
Examples:
  thimble data mini --out mini
  thimble data mini --scenes 20000 --seed 3 --out mini
  thimble data mini --easy-vqa easy_vqa/data --fsdd free-spoken-digit-dataset/recordings --out mini
`;

export function registerMini(data: Command): void {
  const command = data
    .command('mini')
    .summary('make scenes, digits and dialogues')
    .description(
      'Makes a small data set from a seed: scenes of coloured shapes with captions and questions, spoken digits as log-mel frames, dialogues; and says what answers from the question alone score.',
    )
    .requiredOption('--out <folder>', 'a new folder')
    .option('--seed <n>', 'decides everything', parseSeed, 0)
    .option('--scenes <n>', 'number of scenes', parseCount(0), 6000)
    .option('--dialogues <n>', 'number of dialogues', parseCount(0), 2000)
    .option('--easy-vqa <folder>', "easy-VQA's folder data, to be added")
    .option('--fsdd <folder>', 'recordings of the Free Spoken Digit Dataset, to be added');
  addCardOptions(command).addHelpText('after', EXAMPLES).action(runMini);
}

async function runMini(flags: MiniFlags): Promise<void> {
  const { out, seed, scenes: nScene, dialogues: nDialogue, easyVqa = null, fsdd = null } = flags;
  setInterruptOutcome(INTERRUPTED_EXIT_CODE, 'interrupted; nothing was written');
  const mini = await runStep('mini', async ({ onProgress }) => {
    const running = writeMini({
      ...{ out, seed, nScene, nDialogue, easyVqa, fsdd, signal: interruptSignal },
      about: aboutOf(['mini'], flags, 'Scenes, digits and dialogues. Made by thimble data mini.'),
      onProgress: (done, total, note) => onProgress({ done, total, unit: 'items', note }),
    });
    const forget = onInterrupt(async () => void (await running.catch(() => undefined)));
    const value = await running.finally(forget);
    const nRow = Object.values(value.rows).reduce((sum, n) => sum + n, 0);
    return { text: `${nRow} rows written`, value };
  });
  if (flags.json === true) printJson({ rows: mini.rows, baselines: mini.baselines });
  else printReport(mini.sections, new Problems(), out, mini.missing);
}
