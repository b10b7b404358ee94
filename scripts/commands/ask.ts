/** `thimble ask`: an answer from a collection of a running server, with the places that it is taken from, or about a picture. */
import process from 'node:process';
import { Option } from 'commander';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { CHECKS } from '../../worker/serving/grounding/policy.ts';
import { parseCount } from '../lib/arguments.ts';
import { askServer, DEFAULT_SERVER_URL, serverAddress } from '../lib/ask-server.ts';
import { isPictureName, PICTURE_ENDINGS } from '../lib/picture-file.ts';
import { askPicture } from './ask-picture.ts';
import { describePlace } from './describe-place.ts';
import type { Place } from './describe-place.ts';

interface AskFlags {
  readonly url: string;
  readonly model?: string;
  readonly check?: string;
  readonly mode: string;
  readonly topK: number;
  readonly rerank?: string | false;
  readonly maxTokens?: number;
  readonly json?: boolean;
}

interface Source extends Place {
  readonly index: number;
  readonly document: string;
  readonly text: string;
}

interface Claim {
  readonly said: string;
  readonly verdict: string;
  readonly action: string;
  readonly sources: readonly Source[];
}

const DEFAULT_TOP_K = 4;

const EXAMPLES = `
Examples:
  thimble search notes --create --add notes/*.md               (documents first)
  thimble ask notes "When is bread baked?"
  thimble ask notes "When is bread baked?" --check mark --json
  thimble ask photo.jpg "What is on the table?"
`;

export function register(program: Command): void {
  program
    .command('ask')
    .summary('answer a question from a collection of a server, or about a picture')
    .description(
      'Answers a question from the documents of a collection. Figures and names that the documents do not support ' +
        'are replaced by a quotation, left out or marked; the places that the answer is taken from are listed. A file of a ' +
        'picture is looked at instead.',
    )
    .argument(
      '<collection>',
      `name of the collection; or a picture (${PICTURE_ENDINGS.join(', ')})`,
    )
    .argument('<question>', 'the question')
    .option('--url <url>', 'address of the server', DEFAULT_SERVER_URL)
    .option('-m, --model <id>', "a text model of the server (default: the server's)")
    .addOption(
      new Option(
        '--check <policy>',
        'what becomes of unsupported sentences (default: quote)',
      ).choices(CHECKS),
    )
    .option('--mode <mode>', 'hybrid, vector or text', 'hybrid')
    .option('--top-k <n>', 'number of passages', parseCount(1), DEFAULT_TOP_K)
    .option(
      '--rerank <id>',
      "a model that ranks the best passages again (default: the collection's)",
    )
    .option('--no-rerank', 'leave the passages in the order of the search')
    .option('--max-tokens <n>', 'maximum tokens of the answer', parseCount(1))
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (about: string, question: string, flags: AskFlags, command: Command) => {
      if (!isPictureName(about)) return await runAsk(about, question, flags);
      refuseSearchOptions(about, command);
      return await askPicture('ask', { name: 'vqa', question }, about, flags);
    });
}

/** Options of collections, by the names that commander gives them. */
const SEARCH_OPTIONS = ['check', 'mode', 'topK', 'rerank'] as const;

/** @throws {EngineError} E_USAGE for an option that a picture has no use for */
function refuseSearchOptions(picture: string, command: Command): void {
  const given = SEARCH_OPTIONS.filter((name) => command.getOptionValueSource(name) === 'cli');
  const option = command.options.find((one) => given.some((name) => one.attributeName() === name));
  if (option === undefined) return;
  throw new EngineError(
    'E_USAGE',
    `ask: ${option.long ?? option.flags}: ${picture} is a picture, of which no passages are searched. Leave the option out.`,
    { param: option.long ?? option.flags },
  );
}

async function runAsk(collection: string, question: string, flags: AskFlags): Promise<void> {
  const { url, model, check, mode, topK, rerank, maxTokens, json } = flags;
  const answer = await askServer(serverAddress(url, '/v1/chat/completions', 'ask'), {
    ...(model === undefined ? {} : { model }),
    ...(maxTokens === undefined ? {} : { max_completion_tokens: maxTokens }),
    messages: [{ role: 'user', content: question }],
    temperature: 0,
    retrieval: {
      ...{ collection, mode, top_k: topK },
      ...(rerank === undefined ? {} : { rerank }),
      ...(check === undefined ? {} : { check }),
    },
  });
  const [choice] = answer['choices'] as readonly {
    readonly message: { readonly content: string };
  }[];
  const { content } = choice!.message;
  const claims = (answer['claims'] ?? []) as readonly Claim[];
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ answer: content, claims, citations: answer['citations'] })}\n`
      : [content, ...describeSources(claims), ...describeDoubts(claims), ''].join('\n'),
  );
}

function describeSources(claims: readonly Claim[]): string[] {
  const lines = claims.flatMap(({ sources }) =>
    sources.map(
      (source) =>
        `  [${source.index}] ${source.document} ${describePlace(source)}: ${source.text.replaceAll(/\s+/g, ' ')}`,
    ),
  );
  return [...new Set(lines)];
}

/** What the answer says, under "mark", without support. */
function describeDoubts(claims: readonly Claim[]): string[] {
  return claims
    .filter(({ verdict, action }) => verdict !== 'supported' && action === 'kept')
    .map(({ verdict, said }) => `  ${verdict}: ${said}`);
}
