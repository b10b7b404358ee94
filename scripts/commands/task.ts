/** `thimble summarize`, `translate`, ...: a task on a file, in this process or on a server. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import type { TaskFields } from '../../worker/serving/tasks/fields.ts';
import { runTask, type Task } from '../../worker/serving/tasks/task.ts';
import { checkBody } from '../../worker/http/body/json-body.ts';
import { ensureModel } from '../dev/prepare.ts';
import { readTextFile } from '../eval/passages.ts';
import { parseCount } from '../lib/arguments.ts';
import { askServer, DEFAULT_SERVER_URL, serverAddress } from '../lib/ask-server.ts';
import type { ServerAnswer as Answer } from '../lib/ask-server.ts';
import { noteEnd } from '../lib/end-note.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { loadLocalModel } from '../node-host/engine.ts';
import { localTaskHost } from '../node-host/task.ts';
import { isPictureName, pictureUrlOf } from '../lib/picture-file.ts';
import { readStdin } from '../lib/stdin.ts';
import { TASK_COMMANDS, type TaskFlags } from './options/task-options.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';

interface CommonFlags extends TaskFlags {
  readonly model?: string;
  readonly url?: string;
  readonly ctx?: number;
  readonly json?: boolean;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
}

const TEXT_FILE = 'a UTF-8 text file; "-" is standard input';

/** The command of a task, as program/program.ts registers commands. */
export function taskCommand(name: string): { register(program: Command): void } {
  return { register: (program) => register(program, name) };
}

function register(program: Command, name: string): void {
  const row = TASK_COMMANDS[name]!;
  const command = program
    .command(name)
    .summary(row.summary)
    .description(`${row.summary[0]!.toUpperCase()}${row.summary.slice(1)}.`)
    .argument('<file>', row.pictureField === undefined ? TEXT_FILE : `${TEXT_FILE}; or a picture`)
    .option(
      '-m, --model <id>',
      `a text model; one of the catalogue is pulled (${DEFAULT_MODEL_ID}; with --url the server's)`,
    )
    .option(
      '--url <url>',
      'ask the server at this address instead of loading the model in this process',
    )
    .option('--ctx <tokens>', 'context length to reserve memory for', parseCount(1));
  for (const [flags, about, parse] of row.options)
    if (parse === undefined) command.option(flags, about);
    else command.option(flags, about, parse as (text: string) => unknown);
  command
    .option('--json', 'print the whole answer as one JSON object')
    .addHelpText('after', `\nExamples:\n${row.examples.map((line) => `  ${line}\n`).join('')}`)
    .action((file: string, flags: CommonFlags) => runCommand(name, file, flags));
}

async function runCommand(name: string, file: string, flags: CommonFlags): Promise<void> {
  const { task, fieldOptions, show } = TASK_COMMANDS[name]!;
  const body = await bodyOf(name, file, flags);
  // What the server would refuse is refused before a model is loaded.
  const checked = checkFields(body, task, fieldOptions ?? {});
  const answer =
    flags.url === undefined
      ? await runHere(task, checked, flags)
      : await askServer(serverAddress(flags.url, `/v1/tasks/${name}`, name), body);
  process.stdout.write(`${flags.json === true ? JSON.stringify(answer) : show(answer)}\n`);
  const { finish_reason: reason } = answer as { readonly finish_reason?: string };
  if (flags.json !== true && reason !== undefined) noteEnd(reason);
}

/** @throws {EngineError} E_USAGE for a file that cannot be read, and for a picture without a server */
async function bodyOf(name: string, file: string, flags: CommonFlags): Promise<object> {
  const { fields, pictureField } = TASK_COMMANDS[name]!;
  const { maxTokens, temperature, seed, model } = flags;
  const own = async (): Promise<TaskFlags> => {
    if (pictureField === undefined || !isPictureName(file))
      return await fields(
        flags,
        file === '-' ? await readStdin() : await readTextFile(file, name, 'FILE'),
      );
    if (flags.url === undefined)
      throw new EngineError(
        'E_USAGE',
        `${name}: ${file}; pictures are looked at by a server. Name one: --url ${DEFAULT_SERVER_URL}.`,
      );
    const { text: _none, ...rest } = await fields(flags, '');
    return { ...rest, [pictureField]: await pictureUrlOf(file, name) };
  };
  const given = { model, max_tokens: maxTokens, temperature, seed, ...(await own()) };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The refusal of a field names the option that sets it, too. */
function checkFields(
  body: object,
  task: Task,
  options: Readonly<Record<string, string>>,
): TaskFields {
  try {
    return checkBody(body, task.body);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const option = options[error.param?.split(/[.[]/)[0] ?? ''];
    if (option === undefined) throw error;
    const { code, message } = error;
    throw new EngineError(code, `${message} Set it with ${option}.`, { cause: error });
  }
}

async function runHere(task: Task, body: TaskFields, flags: CommonFlags): Promise<Answer> {
  const options = flags.ctx === undefined ? {} : { nCtx: flags.ctx };
  const id = flags.model ?? DEFAULT_MODEL_ID;
  await ensureModel(id);
  const model = await loadLocalModel(id, options);
  let answer: Answer = {};
  for await (const event of runTask(task, localTaskHost(model, interruptSignal), body))
    if (event.type === 'done') answer = event.answer as Answer;
  return answer;
}
