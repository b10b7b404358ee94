/** Serving until Ctrl-C: starts the server, waits until the model answers, says how to reach it. */
import process from 'node:process';
import { checkDraft } from '../../engine/generate/model-drafts.ts';
import type { DecoderManifest, Manifest } from '../../engine/manifest/manifest.ts';
import type { Placement } from '../../engine/manifest/placement.ts';
import { Trainer } from '../finetune/jobs/trainer.ts';
import { onInterrupt, setInterruptOutcome } from '../lib/interrupt.ts';
import { findProject } from '../lib/project.ts';
import { formatSeconds } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { readServeOptions } from './options.ts';
import type { ServeFlags } from './options.ts';
import { describePool } from '../push/describe-placement.ts';
import { companionsOf } from '../push/push.ts';
import { noteDraft, placeStep } from './place-models.ts';
import {
  buildStep,
  mendBucket,
  obtainModel,
  obtainTextModel,
  pushFiles,
  withLocalBucket,
} from './prepare.ts';
import { noteServer } from './running.ts';
import { requireFreePort, startServer, waitUntilReady } from './server.ts';
import type { ServerOptions } from './server.ts';

/** Loading a model of the largest size that fits takes seconds; a slow disk, tens of them. */
const READY_TIMEOUT_MS = 120_000;

export interface PrepareFlags extends ServeFlags {
  /** A smaller model that guesses ahead for the one that is served. */
  readonly draft?: string;
}

/** What is served, and where it lies. */
export interface Prepared {
  readonly manifest: DecoderManifest;
  readonly placement: Placement;
  readonly options: ServerOptions;
}

/**
 * What comes before serving: the port is tried first, since what follows may take minutes.
 * @param chooseModel which model is served when no option names one
 */
export async function prepareToServe(
  flags: PrepareFlags,
  chooseModel: () => Promise<DecoderManifest>,
): Promise<Prepared> {
  const options = readServeOptions(flags);
  if (options.port !== 0) await requireFreePort(options.port, options.host);
  await buildStep();
  const manifest =
    flags.model === undefined ? await chooseModel() : await obtainTextModel(flags.model);
  const also: Manifest[] = [];
  for (const id of flags.also ?? []) also.push(await obtainModel(id));
  const given = new Set([manifest, ...also].map(({ id }) => id));
  for (const id of new Set([manifest, ...also].flatMap(companionsOf)))
    if (!given.has(id)) also.push(await obtainModel(id));
  const draft = flags.draft === undefined ? null : await obtainTextModel(flags.draft);
  if (draft !== null) checkDraft(manifest, draft);
  const placement = await withLocalBucket(async (bucket) => {
    const ids = [manifest, ...also, ...(draft === null ? [] : [draft])].map(({ id }) => id);
    for (const id of new Set(ids)) await pushFiles(bucket, id);
    await mendBucket(bucket);
    return await placeStep(bucket, { main: manifest, also }, flags);
  });
  if (draft !== null) noteDraft(placement, manifest.id);
  const vars = {
    ...options.vars,
    DEFAULT_MODEL: manifest.id,
    ...(draft === null ? {} : { DRAFT_MODEL: draft.id }),
  };
  const { nIsolate } = placement;
  return { manifest, placement, options: { ...options, nIsolate, vars } };
}

/** Resolves once the server is ready; it then runs until the process is interrupted. */
export async function serve({ manifest, placement, options }: Prepared): Promise<void> {
  process.stdout.write(`${describePool(placement).join('\n')}\n`);
  const url = await runStep('serve', async ({ note }) => {
    const startMs = performance.now();
    const trainer = await Trainer.start({ withBucket: withLocalBucket, onNote: note });
    const server = await startServer({ onLog: note, trainer, ...options });
    onInterrupt(async () => {
      await trainer.close();
      await server.close();
    });
    setInterruptOutcome(0, 'stopped');
    try {
      await waitUntilReady(server.url, READY_TIMEOUT_MS);
    } catch (error) {
      await trainer.close();
      await server.close();
      throw error;
    }
    const seconds = formatSeconds((performance.now() - startMs) / 1000);
    const mount = findProject()?.mount ?? '';
    return { text: `${manifest.id}: ready in ${seconds}`, value: server.url + mount };
  });
  const ids = new Set([manifest.id, ...placement.models.map(({ id }) => id)]);
  onInterrupt(noteServer({ url, models: [...ids] }));
  process.stdout.write(describeServer(url, manifest, options.vars?.['ACCESS'] === 'keys'));
}

/** Address, page and a curl line that works as it stands, with keys as soon as the variable has one. */
function describeServer(
  url: string,
  { id, chatTemplate }: DecoderManifest,
  asksForKeys: boolean,
): string {
  const [path, body] =
    chatTemplate === null
      ? ['completions', { model: id, stream: true, max_tokens: 100, prompt: 'Once upon a time' }]
      : [
          'chat/completions',
          {
            model: id,
            stream: true,
            messages: [{ role: 'user', content: 'What is the capital of France?' }],
          },
        ];
  return [
    '',
    `Serving ${id} at ${url}`,
    `  page   ${url}/`,
    ...(asksForKeys
      ? ['  key    export THIMBLE_API_KEY=$(thimble keys create --name me | head -1)']
      : []),
    `  curl   curl -N ${url}/v1/${path} -H 'content-type: application/json' \\`,
    ...(asksForKeys ? [`           -H "authorization: Bearer $THIMBLE_API_KEY" \\`] : []),
    `           -d '${JSON.stringify(body)}'`,
    '  stop   Ctrl-C',
    '',
    '',
  ].join('\n');
}
