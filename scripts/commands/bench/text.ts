/** The commands that measure a text model: all rows, a group of them, the quick ones, beside others. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../../engine/base/errors.ts';
import { findPeer, PEER_NAMES } from '../../bench/peers/peers.ts';
import type { PeerName } from '../../bench/peers/peers.ts';
import { BENCH_GROUPS, BENCH_ROWS } from '../../bench/report/rows.ts';
import type { BenchGroup, BenchRow } from '../../bench/report/rows.ts';
import type { ReportOptions } from '../../bench/report/write-report.ts';
import { SMALL_MODEL_ID } from '../../pull/catalogue.ts';
import { addJson, addRounds, benchCommand, DEFAULT_ROUNDS } from './common.ts';

export const QUICK_ROUNDS = 3;
const ROW_NAMES = BENCH_ROWS.map(({ name }) => name);

/** For help texts. */
export const ROWS_AND_PEERS = `
Rows:
${BENCH_ROWS.map(({ name, title }) => `  ${name.padEnd(18)}${title}`).join('\n')}

Peers:
${PEER_NAMES.map((name) => `  ${name.padEnd(18)}${findPeer(name).label}`).join('\n')}
`;

export interface TextFlags extends ReportOptions {
  readonly model?: string;
  readonly peers?: boolean;
  readonly only?: readonly string[];
  readonly rows?: string;
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly ownTime?: boolean;
}

/** Commands of the groups, of the quick rows and of the comparison with others. */
export function registerText(parent: Command): void {
  const quick = benchCommand(
    parent,
    'quick',
    'measure the rows that change first, in about a minute',
    ['quick', 'quick -m stories260k --json'],
  );
  addTextOptions(quick, `; here ${QUICK_ROUNDS}`)
    .option('--peers', 'also Chromium, llama.cpp native and wllama (development packages)')
    .action((flags: TextFlags) => runText({ ...flags, quick: true }));
  for (const [group, what] of Object.entries(BENCH_GROUPS) as [BenchGroup, string][]) {
    const examples = [group, `${group} --peers --rounds 9`, `${group} --only node --json`];
    const names = BENCH_ROWS.filter((row) => row.group === group).map(({ name }) => name);
    const details = `\nRows: ${names.join(', ')}\n`;
    const command = benchCommand(parent, group, `measure ${what}`, examples, details);
    addTextOptions(command)
      .option('--peers', 'also Chromium, llama.cpp native and wllama (development packages)')
      .action((flags: TextFlags) => runText({ ...flags, rows: names.join(',') }));
  }
  const peers = benchCommand(
    parent,
    'peers',
    'measure every row beside Chromium, llama.cpp native and wllama (development packages)',
    [
      'peers --rounds 7',
      'peers --rows decode-16,prefill-256 --rounds 9',
      'peers --only workerd llama.cpp --own-time',
      'peers --write-docs      (table in docs/benchmarks.md, chart in docs/bench.svg)',
    ],
    ROWS_AND_PEERS,
  );
  addRows(addTextOptions(peers))
    .option('--write-docs', "write docs/benchmarks.md's table and docs/bench.svg")
    .action((flags: TextFlags) => runText({ ...flags, peers: true }));
}

/** Options of every command that measures a text model. */
export function addTextOptions(command: Command, roundsNote = ''): Command {
  command
    .option(
      '-m, --model <id>',
      `a text model of the catalogue, or an imported one (default: ${SMALL_MODEL_ID})`,
    )
    .option('--only <names...>', 'only these peers (listed by thimble bench peers --help)');
  return addJson(addRounds(command, roundsNote))
    .option('--markdown <file>', 'also write the tables to this file')
    .option('--chart <file>', 'also write the chart to this SVG file')
    .option('--own-time', "take other programs' share of the core out of rates and times (Linux)");
}

export function addRows(command: Command): Command {
  return command.option('--rows <names>', 'only these rows, with commas between (listed below)');
}

export async function runText(flags: TextFlags): Promise<void> {
  const rows = chooseRows(flags);
  const peers = choosePeers(flags);
  const { benchTextModel } = await import('../../bench/workloads/text-models.ts');
  const { requireWritable, writeReport } = await import('../../bench/report/write-report.ts');
  await requireWritable(flags);
  const { facts, result } = await benchTextModel({
    model: flags.model ?? SMALL_MODEL_ID,
    rows,
    peers,
    rounds: flags.rounds ?? (flags.quick === true ? QUICK_ROUNDS : DEFAULT_ROUNDS),
    ownTime: flags.ownTime === true,
  });
  await writeReport(flags, facts, result);
  if (Object.keys(result.failures).length > 0) process.exitCode = 1;
}

/** @throws {EngineError} E_USAGE naming an unknown row. */
function chooseRows({ rows, quick }: TextFlags): readonly BenchRow[] {
  if (rows === undefined)
    return quick === true ? BENCH_ROWS.filter((row) => row.isQuick === true) : BENCH_ROWS;
  const wanted = rows.split(',').map((name) => name.trim());
  requireKnown('--rows', wanted, ROW_NAMES);
  return BENCH_ROWS.filter(({ name }) => wanted.includes(name));
}

/** @throws {EngineError} E_USAGE naming an unknown peer. */
function choosePeers({ only, peers }: TextFlags): readonly PeerName[] {
  if (only === undefined)
    return PEER_NAMES.filter((name) => peers === true || !findPeer(name).isOther);
  requireKnown('--only', only, PEER_NAMES);
  return PEER_NAMES.filter((name) => only.includes(name));
}

function requireKnown(option: string, wanted: readonly string[], known: readonly string[]): void {
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new EngineError(
    'E_USAGE',
    `bench: ${option} ${unknown || "''"}; expected some of ${known.join(', ')}`,
    { details: { unknown, known } },
  );
}
