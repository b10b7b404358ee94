/** `thimble keys`: who may ask a deployment. */
import process from 'node:process';
import type { Command } from 'commander';
import { Option } from 'commander';
import { LIMIT_VARS } from '../../worker/access/limits.ts';
import type { LimitName } from '../../worker/access/limits.ts';
import type { KeyRecord } from '../../worker/access/key-record.ts';
import { SCOPES } from '../../worker/platform/caller.ts';
import type { Scope } from '../../worker/platform/caller.ts';
import {
  parseBytes,
  parseCount,
  parseDuration,
  parseNames,
  parseNumber,
  parseSubject,
  parseTime,
} from '../lib/arguments.ts';
import { createKey, listKeys, revokeKey, rotateKey } from '../push/keys.ts';
import type { MadeKey } from '../push/keys.ts';
import { addBucketOptions, withBucket } from './options/bucket-options.ts';
import type { BucketFlags } from './options/bucket-options.ts';

interface KeysFlags extends BucketFlags {
  readonly json?: boolean;
}

type LimitFlags = { readonly [Name in LimitName]?: number };

interface CreateFlags extends KeysFlags, LimitFlags {
  readonly name: string;
  readonly scope: readonly Scope[];
  readonly models?: string;
  readonly subject?: string;
  readonly expires?: Date;
}

/** All but `admin`, which includes what later versions add. */
const DEFAULT_SCOPES = SCOPES.filter((scope) => scope !== 'admin');
const DEFAULT_OVERLAP = '24h';
const DAY_MS = 24 * 60 * 60_000;

/** The options of limits: each is a field of the record. */
const LIMIT_OPTIONS: Readonly<
  Record<LimitName, readonly [flags: string, what: string, parse: (text: string) => number]>
> = {
  requestsPerMinute: ['--requests-per-minute <n>', 'requests in a minute', parseCount(0)],
  tokensPerMinute: ['--tokens-per-minute <n>', 'tokens in a minute', parseCount(0)],
  concurrency: ['--concurrency <n>', 'generations at the same time', parseCount(0)],
  tokensPerDay: ['--tokens-per-day <n>', 'tokens in a day (UTC)', parseCount(0)],
  usdPerDay: ['--usd-per-day <n>', 'estimated cost in a day (UTC)', parseNumber(0, 1e6)],
  storageBytes: ['--storage-bytes <size>', 'size of all files, such as 100MB', parseBytes],
};

const EXAMPLES = `
Examples:
  thimble keys create --name laptop
  thimble keys create --name app --scope chat,read --models smollm2-135m-instruct --expires 90d --remote
  thimble keys create --name trial --requests-per-minute 20 --tokens-per-day 100000
  thimble keys list --remote
  thimble keys rotate 0123456789abcdef --overlap 1h --remote
  thimble keys revoke 0123456789abcdef --remote      (in force within 10 seconds)
`;

export function register(program: Command): void {
  const keys = program
    .command('keys')
    .summary('create, list, revoke and rotate keys')
    .description(
      'Says who may ask a deployment. A key is shown once; the bucket keeps the hash of its secret only. ' +
        'A server on this machine (thimble dev) needs no key.',
    )
    .addHelpText('after', EXAMPLES);
  registerCreate(keys);
  withCommonOptions(keys.command('list').description('Lists all keys, revoked ones, too.')).action(
    async (flags: KeysFlags) => {
      const records = await withBucket(flags, listKeys);
      print(flags, { keys: records.map(shown) }, describeAll(records));
    },
  );
  withCommonOptions(
    keys.command('revoke <id>').description('Ends a key for good, within 10 seconds.'),
  ).action(async (id: string, flags: KeysFlags) => {
    const record = await withBucket(flags, (bucket) => revokeKey(bucket, id));
    print(flags, shown(record), `revoked ${record.id} (${record.name})\n`);
  });
  withCommonOptions(
    keys
      .command('rotate <id>')
      .description('Gives a key another secret. What belongs to it, and its limits, stay.')
      .option(
        '--overlap <time>',
        'how long the secret before stays in force, such as 1h or 0s',
        parseDuration,
        parseDuration(DEFAULT_OVERLAP),
      ),
  ).action(async (id: string, flags: KeysFlags & { readonly overlap: number }) => {
    const made = await withBucket(flags, (bucket) => rotateKey(bucket, id, flags.overlap));
    printMade(flags, made);
  });
}

function registerCreate(keys: Command): void {
  const create = keys
    .command('create')
    .description('Makes a key and shows it, once.')
    .requiredOption('--name <name>', 'what the key is for, to find it in the list')
    .option(
      '--scope <scopes>',
      `what it may do: some of ${SCOPES.join(',')}`,
      parseNames(SCOPES),
      DEFAULT_SCOPES,
    )
    .option('--models <ids>', 'models it may use, separated by commas (default: all)')
    .option('--subject <name>', 'share what is kept with other keys of this subject', parseSubject)
    .option('--expires <time>', 'when it ends: 90d, 12h, or a date like 2027-01-31', parseTime);
  for (const [name, [flags, what, parse]] of Object.entries(LIMIT_OPTIONS))
    create.addOption(
      new Option(flags, `${what} (default: ${LIMIT_VARS[name as LimitName]})`).argParser(parse),
    );
  withCommonOptions(create).action(async (flags: CreateFlags) => {
    const { name, scope: scopes, models, subject, expires = null } = flags;
    const limits = limitsIn(flags);
    const made = await withBucket(flags, (bucket) =>
      createKey(bucket, {
        name,
        scopes,
        models: models === undefined ? null : models.split(',').map((id) => id.trim()),
        expiresAt: expires,
        limits,
        ...(subject === undefined ? {} : { subject }),
      }),
    );
    printMade(flags, made);
  });
}

function withCommonOptions(command: Command): Command {
  return addBucketOptions(command).option('--json', 'print one JSON object');
}

/** The limits that were given; null for none. */
function limitsIn(flags: LimitFlags): KeyRecord['limits'] {
  const names = Object.keys(LIMIT_OPTIONS) as LimitName[];
  const given = names.filter((name) => flags[name] !== undefined);
  return given.length === 0 ? null : Object.fromEntries(given.map((name) => [name, flags[name]]));
}

/** A record without its hashes: nobody needs them. */
function shown({ secretHash: _, previous, ...record }: KeyRecord): object {
  return { ...record, previousEndsAt: previous?.endsAt ?? null };
}

function printMade(flags: KeysFlags, { key, record }: MadeKey): void {
  const { id, name, scopes, models, expiresAt, previous } = record;
  const lines = [
    key,
    '',
    `  id       ${id} (${name})`,
    `  scopes   ${scopes.join(', ')}`,
    `  models   ${models?.join(', ') ?? 'all'}`,
    `  expires  ${expiresAt ?? 'never'}`,
    ...(previous === null ? [] : [`  before   the secret before ends at ${previous.endsAt}`]),
    '',
    'Keep the key now: it is not shown again. Clients send it as "Authorization: Bearer KEY".',
    '',
  ];
  print(flags, { key, ...shown(record) }, lines.join('\n'));
}

function describeAll(records: readonly KeyRecord[]): string {
  if (records.length === 0)
    return 'There are no keys. Create one: thimble keys create --name NAME\n';
  const width = Math.max(...records.map(({ name }) => name.length));
  const rows = records.map(
    (record) =>
      `${record.id}  ${record.name.padEnd(width)}  ${stateOf(record).padEnd(20)}  ${record.scopes.join(',')}`,
  );
  return `${rows.join('\n')}\n`;
}

function stateOf({ revokedAt, expiresAt }: KeyRecord): string {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt === null) return 'in force';
  const leftMs = Date.parse(expiresAt) - Date.now();
  if (leftMs <= 0) return 'expired';
  return leftMs < DAY_MS ? 'ends within a day' : `until ${expiresAt.slice(0, 10)}`;
}

function print({ json }: KeysFlags, value: object, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : text);
}
