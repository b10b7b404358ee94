/** `thimble eval persona`. */
import process from 'node:process';
import type { Command } from 'commander';
import { formatEstimate } from '../eval/intervals.ts';
import { writeRecord } from '../finetune/measure/record.ts';
import { personaFiles, readPersona, writePersona } from '../finetune/persona/data.ts';
import { evaluatePersona, nAnswer, type PersonaReport } from '../finetune/persona/evaluate.ts';
import { makePersona, PERSONA_DEFAULTS } from '../finetune/persona/make.ts';
import type { PersonaScore } from '../finetune/persona/score.ts';
import { SHOP } from '../finetune/persona/shop.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { type MeasureFlags, measuredFolders, openMeasured, withAnswers } from './eval-adapter.ts';

export const PERSONA_EXAMPLES = `
Examples:
  thimble eval persona --make persona   # conversations of a made-up shop, the same each time
  thimble finetune -m smollm2-135m-instruct --data persona/train.jsonl --epochs 1 --rate 0.001 --max-tokens 256 --held-out 0.02 --halves --out shop
  thimble eval persona --adapter shop --data persona
`;

interface PersonaFlags extends MeasureFlags {
  readonly train: number;
  readonly ofKind: number;
  readonly seed: number;
}

export function addPersonaCommand(command: Command): void {
  const d = PERSONA_DEFAULTS;
  command
    .command('persona')
    .description(
      `How well an adapter has learned the customer service of a made-up shop, ${SHOP}: its facts in wordings that were not ` +
        'learned, what must be refused, and what must not, beside the base that reads facts and rules. --make writes ' +
        'conversations for it.',
    )
    .option('-m, --model <id>', 'the base of the adapter', SMALL_MODEL_ID)
    .option('--adapter <folder>', 'the folder of the adapter')
    .option('--data <folder>', 'the folder that --make wrote')
    .option('--record', "write record.json into the adapter's folder: hashes, and what is found")
    .option('--out <file>', 'write a line of JSON for each answer')
    .option('--make <folder>', 'only write conversations to learn, and requests to measure on')
    .option('--train <n>', 'of --make: conversations to learn', parseCount(1), d.nTrain)
    .option('--of-kind <n>', 'of --make: requests of each refused kind', parseCount(1), d.nOfKind)
    .option('--seed <n>', 'of --make', parseCount(0), d.seed)
    .option('--json', 'print one JSON object')
    .addHelpText('after', PERSONA_EXAMPLES)
    .action(runPersona);
}

async function runPersona(flags: PersonaFlags): Promise<void> {
  const { make, train: nTrain, ofKind: nOfKind, seed } = flags;
  if (make !== undefined) {
    const data = makePersona({ nTrain, nOfKind, seed });
    await writePersona(make, data);
    process.stdout.write(
      `${make}: ${data.train.length} conversations to learn, ${data.test.length} requests to measure on and ${data.choice.length} to choose by\n`,
    );
    return;
  }
  const { folder, dataFolder } = measuredFolders(flags);
  const data = await readPersona(dataFolder);
  const { local, adapter } = await openMeasured(flags.model, folder);
  const report = await withAnswers({ total: nAnswer(data), out: flags.out }, (onAnswer) =>
    evaluatePersona(local, adapter, data, { signal: interruptSignal, onAnswer }),
  );
  if (flags.record === true) await writeRecord(folder, personaFiles(dataFolder), report);
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : describe(report));
}

function describe(report: PersonaReport): string {
  const { model, nTest, nChoice, prompts, basePrompt, base, adapter } = report;
  const chosen = prompts
    .map(({ name, right }) => `  ${name}: ${right.toFixed(3)} right\n`)
    .join('');
  const row = (name: string, score: PersonaScore): string => `${name}
  facts right: ${formatEstimate(score.facts)}
  refused what must be answered: ${formatEstimate(score.wrongRefusals)}
  refused, of learned kinds: ${formatEstimate(score.refusedLearned)}
  refused, of other kinds: ${formatEstimate(score.refusedNew)}
`;
  return `${model}, prompts on ${nChoice} requests to choose by
${chosen}on ${nTest} requests
${row(`the base, ${basePrompt}`, base)}${row('the adapter, without facts or rules in its prompt', adapter)}`;
}
