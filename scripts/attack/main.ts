/**
 * `npm run attack`: starts the development server, sends it hostile input, and says how long others waited for
 * /healthz meanwhile. One line an attack; the last line is JSON. It asserts no times: machines differ.
 */
import process from 'node:process';
import { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { build } from '../build/build.ts';
import { findImported, obtainTextModel, pushStep } from '../dev/prepare.ts';
import { startServer, waitUntilReady } from '../dev/server.ts';
import { parseCount } from '../lib/arguments.ts';
import { withTemporaryFolder } from '../lib/temporary-folder.ts';
import { DEFAULT_ENCODER_ID, EMBEDDED_MODEL_ID, SMALL_MODEL_ID } from '../pull/catalogue.ts';
import type { Attack } from './attack.ts';
import { ATTACKS } from './attacks/index.ts';
import { firstSound, transcribe } from './attacks/media.ts';
import { fuzzCommand } from './fuzz/main.ts';
import { GREY_PICTURE } from '../../worker/apis/images/grey-picture.ts';
import { HealthWatch } from './health.ts';
import { runAttack } from './run-attack.ts';
import type { AttackResult } from './run-attack.ts';
import { subjectsCommand } from './subjects/main.ts';
import { Target } from './target.ts';
import type { TargetModels } from './target.ts';

const READY_TIMEOUT_MS = 120_000;
const RECOGNITION_ID = 'whisper-tiny.en';
/** Without a model that reads pictures, they are refused before they are decoded. */
const PICTURES_ID = 'pp-ocr-v4';

interface Flags {
  readonly only?: string;
  readonly quick?: boolean;
  readonly rounds: number;
  readonly model?: string;
}

/** The text model that is asked for, and what else is imported. */
async function chooseModels({ model, quick = false }: Flags): Promise<TargetModels> {
  const isThere = async (id: string) => (quick ? null : await findImported(id)) !== null;
  const small = (await isThere(SMALL_MODEL_ID)) ? SMALL_MODEL_ID : EMBEDDED_MODEL_ID;
  const { id: text } = await obtainTextModel(model ?? small);
  return {
    text,
    encoder: (await isThere(DEFAULT_ENCODER_ID)) ? DEFAULT_ENCODER_ID : null,
    recognition: (await isThere(RECOGNITION_ID)) ? RECOGNITION_ID : null,
    pictures: (await isThere(PICTURES_ID)) ? PICTURES_ID : null,
  };
}

function chooseAttacks({ only, quick = false }: Flags, models: TargetModels): readonly Attack[] {
  const names = only?.split(',');
  const unknown = names?.find((name) => ATTACKS.every((attack) => attack.name !== name));
  if (unknown !== undefined)
    throw new EngineError(
      'E_USAGE',
      `attack: no attack ${JSON.stringify(unknown)}; expected some of: ${ATTACKS.map(({ name }) => name).join(', ')}.`,
    );
  return ATTACKS.filter(
    ({ name, needs, isLong = false }) =>
      (names === undefined ? !(quick && isLong) : names.includes(name)) &&
      (needs === undefined || models[needs] !== null),
  );
}

const FIRST_PICTURE = {
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: GREY_PICTURE } }] }],
  max_tokens: 1,
};

async function attack(flags: Flags): Promise<void> {
  await build();
  const models = await chooseModels(flags);
  const attacks = chooseAttacks(flags, models);
  const ids = [models.text, models.encoder, models.recognition, models.pictures].filter(
    (id) => id !== null,
  );
  const results = await withTemporaryFolder('attack', async (persist) => {
    for (const id of ids) await pushStep(id, persist);
    const vars = { DEFAULT_MODEL: models.text };
    const onLog = (line: string): void => void process.stderr.write(`${line.slice(0, 300)}\n`);
    const server = await startServer({ port: 0, host: '127.0.0.1', persist, vars, onLog });
    const watch = new HealthWatch(server.url);
    try {
      await waitUntilReady(server.url, READY_TIMEOUT_MS);
      const target = new Target(server.url, models);
      // Who comes first waits for a model or the ONNX runtime to be loaded: no attack.
      if (models.pictures !== null) await target.post('/v1/chat/completions', FIRST_PICTURE);
      if (models.recognition !== null) await transcribe(target, firstSound(), 'first.wav');
      const made: AttackResult[] = [];
      for (let round = 0; round < flags.rounds; round++)
        for (const one of attacks) made.push(await runAttack(one, target, watch));
      return made;
    } finally {
      await watch.close();
      await server.close();
    }
  });
  const worstMs = Math.max(0, ...results.map((result) => result.worstMs));
  process.stdout.write(`${JSON.stringify({ models, worstMs, results })}\n`);
  // A server that broke or answered without a code is a failure on every machine.
  if (results.some(({ nFailed, nUncoded }) => nFailed + nUncoded > 0)) process.exitCode = 1;
}

const program = new Command('attack')
  .enablePositionalOptions()
  .description('Send hostile input to a server of its own and say how long others wait')
  .option('--only <names>', 'attacks to send, separated by commas')
  .option('--quick', 'the smallest model, without the attacks that take long')
  .option('--rounds <n>', 'how often each attack is sent', parseCount(1), 1)
  .option('--model <id>', 'the text model to serve')
  .action(attack)
  .addCommand(fuzzCommand)
  .addCommand(subjectsCommand);

await program.parseAsync();
