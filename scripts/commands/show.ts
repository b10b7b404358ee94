/** `thimble show`: the card of a model, imported or of the catalogue. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { describeCount, mainDtype, modelBytes, parameterCount } from '../dev/local-models.ts';
import { findImported } from '../dev/prepare.ts';
import { colour } from '../lib/colours.ts';
import { formatBytes } from '../lib/progress.ts';
import { CATALOGUE, DEFAULT_MODEL_ID, findCatalogueEntry } from '../pull/catalogue.ts';
import { downloadBytes } from '../pull/catalogue/entry.ts';
import type { CatalogueEntry } from '../pull/catalogue/entry.ts';

interface ShowFlags {
  readonly template?: boolean;
  readonly json?: boolean;
}

/** Lines of a template that a card shows. */
const TEMPLATE_LINES = 5;
const CARD_CHARS = 400;

const EXAMPLES = `
Examples:
  thimble show smollm2-135m-instruct
  thimble show smollm2-135m-instruct --template
  thimble show --json

Tensors and the memory plan: thimble inspect ID
`;

export function register(program: Command): void {
  program
    .command('show [model]')
    .summary('show the card of a model')
    .description(
      `Shows what a model is: architecture, context, parameters, quantization, licence, template (default: ${DEFAULT_MODEL_ID}).`,
    )
    .option('--template', 'print the whole chat template and nothing else')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runShow);
}

async function runShow(id: string = DEFAULT_MODEL_ID, flags: ShowFlags): Promise<void> {
  const manifest = await findImported(id);
  if (flags.template === true) {
    process.stdout.write(`${templateOf(id, manifest)}\n`);
    return;
  }
  const card = manifest === null ? cardOfEntry(findCatalogueEntry(id)) : cardOfManifest(manifest);
  process.stdout.write(flags.json === true ? `${JSON.stringify(card)}\n` : describe(card));
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_USAGE */
function templateOf(id: string, manifest: Manifest | null): string {
  if (manifest === null)
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `show: ${id} is not imported, so that its template is not known here. Run: \`thimble import ${findCatalogueEntry(id).id}\``,
    );
  if (manifest.kind === 'decoder' && manifest.chatTemplate !== null) return manifest.chatTemplate;
  throw new EngineError('E_USAGE', `show: ${id} has no chat template. Leave --template out.`);
}

/** Rows of a card by their names; null for what does not apply or is not known. */
interface Card {
  readonly id: string;
  readonly name: string;
  readonly imported: boolean;
  readonly kind: string;
  readonly architecture: string | null;
  readonly context: number | null;
  readonly parameters: number | null;
  readonly quantization: string | null;
  readonly bytes: number;
  readonly licence: string;
  readonly source: string;
  readonly template: string | null;
  readonly card: string;
}

function cardOfManifest(manifest: Manifest): Card {
  const { id, name, kind, licence, source, card } = manifest;
  const dtype = mainDtype(manifest);
  const isDecoder = manifest.kind === 'decoder';
  return {
    ...{ id, name, imported: true, kind, licence, source, card },
    architecture: 'architecture' in manifest ? manifest.architecture : null,
    context: isDecoder ? manifest.config.nCtx : null,
    parameters: parameterCount(manifest),
    quantization:
      dtype === null || !('preset' in manifest) ? dtype : `${dtype} (preset ${manifest.preset})`,
    bytes: modelBytes(manifest),
    template: isDecoder ? manifest.chatTemplate : null,
  };
}

function cardOfEntry(entry: CatalogueEntry): Card {
  const { id, title, task, licence, card, architecture = null } = entry;
  return {
    ...{ id, name: title, imported: false, kind: task, licence, card, architecture },
    ...{ context: null, parameters: null, quantization: null, template: null },
    bytes: downloadBytes(entry),
    source: 'catalogue',
  };
}

function describe(card: Card): string {
  const row = (name: string, value: string | null): string[] =>
    value === null || value === '' ? [] : [`  ${name.padEnd(14)}${value}`];
  const { context, parameters, template } = card;
  const isListed = CATALOGUE.some(({ id }) => id === card.id);
  return [
    `${colour('bold', card.id)}: ${card.name}`,
    ...row('kind', card.kind),
    ...row('architecture', card.architecture),
    ...row('context', context === null ? null : `${context} tokens`),
    ...row('parameters', parameters === null ? null : describeCount(parameters)),
    ...row('quantization', card.quantization),
    ...row(card.imported ? 'size' : 'download', formatBytes(card.bytes)),
    ...row('licence', card.licence === '' ? 'not stated by the file' : card.licence),
    ...row('source', card.source),
    ...row('template', template === null ? null : firstLines(template)),
    ...(card.card === '' ? [] : ['', shorten(card.card)]),
    ...(card.imported || !isListed ? [] : ['', `not here yet: \`thimble import ${card.id}\``]),
    '',
  ].join('\n');
}

function firstLines(template: string): string {
  const lines = template.split('\n');
  const more = lines.length - TEMPLATE_LINES;
  const shown = lines.slice(0, TEMPLATE_LINES).map((line) => shorten(line, 60));
  const rest = more > 0 ? [`... ${more} more lines: --template`] : [];
  return [...shown, ...rest].join(`\n${' '.repeat(16)}`);
}

function shorten(text: string, most = CARD_CHARS): string {
  const trimmed = text.trim();
  return trimmed.length <= most ? trimmed : `${trimmed.slice(0, most).trimEnd()}...`;
}
