/** Fine-tuning jobs with OpenAI's own client: learned, served, cancelled, gone on with after a restart, refused. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { makeKey } from '../support/keys.ts';
import { answerFaults, faultsOf } from '../support/openai-schema.ts';

type Job = OpenAI.FineTuning.FineTuningJob;
type CreateJob = OpenAI.FineTuning.JobCreateParams;

const JSON_TYPE = 'application/json';
const JOB = '/v1/fine_tuning/jobs/{fine_tuning_job_id}';
const WAIT = { timeout: 180_000, interval: 100 };
/** What the model is taught to say, which it never does by itself. */
const ANSWER = ' the red red red red cat';
const ROWS = Array.from({ length: 12 }, () => ({ prompt: 'Once upon a time', completion: ANSWER }));
const PREFERENCES = [{ prompt: 'Once upon a time', chosen: ANSWER, rejected: ' a dog' }];

let server: TestServer;
beforeAll(async () => {
  // own server: it trains, and is restarted.
  server = await startTestServer({ trains: true });
});
afterAll(() => server.close());

const clientOf = (apiKey = 'none') =>
  new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });

const jsonl = (rows: readonly object[]): string =>
  rows.map((row) => JSON.stringify(row)).join('\n');

async function upload(
  text: string,
  purpose: 'fine-tune' | 'batch' = 'fine-tune',
  client = clientOf(),
) {
  const file = await toFile(new TextEncoder().encode(text), 'rows.jsonl');
  return (await client.files.create({ file, purpose })).id;
}

async function begin(rows: readonly object[], more: Partial<CreateJob> = {}): Promise<Job> {
  const training_file = await upload(jsonl(rows));
  return await clientOf().fineTuning.jobs.create({ model: STORIES_ID, training_file, ...more });
}

const read = (id: string): Promise<Job> => clientOf().fineTuning.jobs.retrieve(id);
const isOver = ({ status }: Job): boolean => ['succeeded', 'failed', 'cancelled'].includes(status);
/** Also before tests, where there is no expect.poll. */
const untilOver = (id: string): Promise<Job> =>
  vi.waitFor(async () => {
    const job = await read(id);
    if (!isOver(job)) throw new Error(`${id} is ${job.status}`);
    return job;
  }, WAIT);

const get = async (path: string): Promise<unknown> =>
  await (await fetch(`${server.url}/v1/fine_tuning/jobs${path}`)).json();

/** So many epochs that a test can look at it before it ends. */
const LONG = { n_epochs: 50, batch_size: 1 };
const manyRows = Array.from({ length: 400 }, (_, i) => ({
  ...{ prompt: `Once upon a time ${i}`, completion: ANSWER.repeat(8) },
}));

const folderOf = (id: string): string => join(server.stateRoot, 'finetune', 'jobs', id);

describe('a job', () => {
  let job: Job;
  beforeAll(async () => {
    const hyperparameters = { n_epochs: 20, batch_size: 4, learning_rate_multiplier: 20 } as const;
    job = await begin(ROWS, {
      validation_file: await upload(jsonl(ROWS.slice(0, 2))),
      ...{ suffix: 'Cats', seed: 7, metadata: { about: 'cats' } },
      method: { type: 'supervised', supervised: { hyperparameters } },
    });
    expect(job).toMatchObject({ status: 'queued', model: STORIES_ID, seed: 7, hyperparameters });
    job = await untilOver(job.id);
  }, WAIT.timeout);

  test('teaches the model what the rows say, which is served at once', async () => {
    expect(job).toMatchObject({ status: 'succeeded', error: null, metadata: { about: 'cats' } });
    expect(job.fine_tuned_model).toMatch(new RegExp(`^${STORIES_ID}:cats-[0-9a-f]{8}$`));
    expect(job.trained_tokens).toBeGreaterThan(100);
    const say = async (model: string) => {
      const { choices } = await clientOf().completions.create({
        ...{ model, prompt: 'Once upon a time', temperature: 0, max_tokens: 12 },
      });
      return choices[0]!.text;
    };
    expect(await say(job.fine_tuned_model!)).toContain(ANSWER.trim());
    expect(await say(STORIES_ID)).not.toContain('red red');
  });

  test('tells of its losses in events, which fall, and in a file', async () => {
    const events: OpenAI.FineTuning.FineTuningJobEvent[] = await Array.fromAsync(
      await clientOf().fineTuning.jobs.listEvents(job.id, { limit: 7 }),
    );
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(events[0]!.message).toBe('The job has been completed.');
    expect(events.at(-1).message).toContain('Created');
    const losses = events.flatMap(({ data, type }) =>
      type === 'metrics' ? [data as { step: number; train_loss: number }] : [],
    );
    expect(losses.map(({ step }) => step).toSorted((a, b) => a - b)).toEqual(
      losses.map((_, i) => i + 1),
    );
    expect(losses[0]!.train_loss).toBeLessThan(losses.at(-1).train_loss / 4);
    const [file = ''] = job.result_files;
    expect(await clientOf().files.retrieve(file)).toMatchObject({ purpose: 'fine-tune-results' });
    const csv = await (await clientOf().files.content(file)).text();
    expect(csv.trim().split('\n')).toHaveLength(losses.length + 1);
    expect(csv).toMatch(/^step,train_loss,valid_loss,learning_rate\n/);
    const measured = losses.filter((one) => 'valid_loss' in one);
    expect(measured.length).toBeGreaterThan(3);
    expect(job.validation_file).toMatch(/^file-/);
    const [step, loss] = csv.trim().split('\n').at(-1).split(',').map(Number);
    expect([step, loss]).toEqual([losses[0]!.step, losses[0]!.train_loss]);
  });

  test('has a checkpoint of each of its last epochs, which is served', async () => {
    const { data } = await clientOf().fineTuning.jobs.checkpoints.list(job.id);
    const steps = data.map(({ step_number: step }) => step);
    // Twelve rows, four a step, all of them learned: others are measured on.
    expect(steps).toEqual([60, 57, 54]);
    expect(new Set(data.map(({ id }) => id)).size).toBe(3);
    const models = data.map((one) => one.fine_tuned_model_checkpoint);
    expect(models).toEqual([
      job.fine_tuned_model,
      ...steps.slice(1).map((step) => `${job.fine_tuned_model}-step-${step}`),
    ]);
    for (const { fine_tuning_job_id: id, metrics, step_number: step } of data) {
      expect([id, metrics.step]).toEqual([job.id, step]);
      expect(metrics.valid_loss).toBeGreaterThan(0);
    }
    for (const model of models) {
      const asked = { model, prompt: 'Once upon a time', temperature: 0, max_tokens: 12 };
      expect((await clientOf().completions.create(asked)).choices[0]!.text).toContain('red red');
    }
  });

  test('keeps no rows beside the file', () => {
    for (const name of ['rows.jsonl', 'validation.jsonl'])
      expect(existsSync(join(folderOf(job.id), name))).toBe(false);
  });

  test('answers as the published schema has it', async () => {
    const answers: readonly (readonly [string, string])[] = [
      ['GET /v1/fine_tuning/jobs', ''],
      [`GET ${JOB}`, `/${job.id}`],
      [`GET ${JOB}/events`, `/${job.id}/events`],
      [`GET ${JOB}/checkpoints`, `/${job.id}/checkpoints`],
    ];
    for (const [operation, path] of answers)
      expect([path, answerFaults(operation, JSON_TYPE, await get(path))]).toEqual([path, []]);
    const created = await server.post('/v1/fine_tuning/jobs', {
      ...{ model: STORIES_ID, training_file: await upload(jsonl(PREFERENCES)) },
      method: { type: 'dpo', dpo: { hyperparameters: { n_epochs: 1, beta: 0.5 } } },
    });
    const made = await created.json<Job>();
    expect(answerFaults('POST /v1/fine_tuning/jobs', JSON_TYPE, made)).toEqual([]);
    const over = await server.post(`/v1/fine_tuning/jobs/${made.id}/cancel`, {});
    expect(answerFaults(`POST ${JOB}/cancel`, JSON_TYPE, await over.json())).toEqual([]);
    expect(answerFaults(`GET ${JOB}`, JSON_TYPE, { ...made, status: 'half' })).not.toEqual([]);
  });

  test('is on the list of its owner', async () => {
    const { data } = await clientOf().fineTuning.jobs.list({ limit: 100 });
    expect(data.map(({ id }) => id)).toContain(job.id);
  });
});

test(
  'preferences are learned',
  async () => {
    const job = await begin(PREFERENCES, {
      method: { type: 'dpo', dpo: { hyperparameters: { n_epochs: 2, batch_size: 1 } } },
    });
    expect((await untilOver(job.id)).status).toBe('succeeded');
  },
  WAIT.timeout,
);

test(
  'one that is cancelled ends, one that waits begins, and what was learned is gone',
  async () => {
    const job = await begin(manyRows, { hyperparameters: LONG });
    const next = await begin(ROWS, { hyperparameters: { n_epochs: 1 } });
    const seen = async () => (await clientOf().fineTuning.jobs.listEvents(job.id)).data;
    await expect
      .poll(async () => (await seen()).some(({ type }) => type === 'metrics'), WAIT)
      .toBe(true);
    expect((await read(next.id)).status).toBe('queued');
    const stopped = await clientOf().fineTuning.jobs.cancel(job.id);
    expect(stopped).toMatchObject({ status: 'cancelled', fine_tuned_model: null });
    expect((await untilOver(next.id)).status).toBe('succeeded');
    expect(await read(job.id)).toMatchObject({ status: 'cancelled', result_files: [] });
    const left = await readdir(folderOf(job.id));
    expect(left).not.toContain('adapter');
    expect(left).not.toContain('rows.jsonl');
  },
  WAIT.timeout,
);

test(
  'one that was cut off by the end of the server goes on at its next start',
  async () => {
    const job = await begin(manyRows.slice(0, 60), {
      hyperparameters: { n_epochs: 5, batch_size: 1 },
    });
    const steps = async () =>
      (await clientOf().fineTuning.jobs.listEvents(job.id, { limit: 100 })).data.filter(
        ({ type }) => type === 'metrics',
      ).length;
    await expect.poll(steps, WAIT).toBeGreaterThan(1);
    await server.restart();
    const over = await untilOver(job.id);
    expect(over).toMatchObject({ status: 'succeeded' });
    const events = await Array.fromAsync(await clientOf().fineTuning.jobs.listEvents(job.id));
    expect(events.some(({ message }) => message.startsWith('Goes on after a restart'))).toBe(true);
    // Every step is in the file once, whichever process made it.
    const csv = await (await clientOf().files.content(over.result_files[0]!)).text();
    const made = csv
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[0]));
    expect(made).toEqual(made.map((_, i) => i + 1));
  },
  WAIT.timeout,
);

test(
  'a failure of the training is told',
  async () => {
    // stories260K has no chat template.
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
    ];
    const job = await untilOver((await begin([{ messages }])).id);
    expect(job).toMatchObject({ status: 'failed', fine_tuned_model: null });
    expect(job.error!.message).toContain('chat template');
  },
  WAIT.timeout,
);

/** Error of a refused job. */
async function refusal(body: object): Promise<object> {
  const response = await server.post('/v1/fine_tuning/jobs', body);
  const json = await response.json<{
    error: { message: string; param: string; thimble_code?: string };
  }>();
  expect(faultsOf('ErrorResponse', json)).toEqual([]);
  return { ...json.error, status: response.status };
}

test.each<[string, () => Promise<object>, object]>([
  [
    'an unknown model',
    async () => ({ model: 'nothing', training_file: await upload(jsonl(ROWS)) }),
    { status: 404, param: 'model' },
  ],
  [
    'an unknown file',
    () => Promise.resolve({ training_file: 'file-0' }),
    { status: 400, param: 'training_file' },
  ],
  [
    'a file of another purpose',
    async () => ({ training_file: await upload(jsonl(ROWS), 'batch') }),
    { status: 400, param: 'training_file' },
  ],
  [
    'a row that is no JSON',
    async () => ({ training_file: await upload('{"text": "a"}\n{') }),
    { status: 400, param: 'training_file', message: expect.stringContaining('line 2') as string },
  ],
  [
    'a field of a row',
    async () => ({ training_file: await upload('{"prompt": "a", "completion": ""}') }),
    { status: 400, message: expect.stringContaining('completion') as string },
  ],
  [
    'preferences for the method of answers',
    async () => ({ training_file: await upload(jsonl(PREFERENCES)) }),
    { status: 400, param: 'training_file', message: expect.stringContaining('"dpo"') as string },
  ],
  [
    'answers for the method of preferences',
    async () => ({ training_file: await upload(jsonl(ROWS)), method: { type: 'dpo' } }),
    { status: 400, param: 'training_file' },
  ],
  [
    'another method',
    async () => ({ training_file: await upload(jsonl(ROWS)), method: { type: 'reinforcement' } }),
    { status: 400, param: 'method.type' },
  ],
  [
    'too many epochs',
    () => Promise.resolve({ training_file: 'file-0', hyperparameters: { n_epochs: 51 } }),
    { status: 400, param: 'hyperparameters.n_epochs' },
  ],
  [
    'a suffix that is no name',
    () => Promise.resolve({ training_file: 'file-0', suffix: 'a/b' }),
    { status: 400, param: 'suffix' },
  ],
  [
    'a validation file that is not there',
    async () => ({ training_file: await upload(jsonl(ROWS)), validation_file: 'file-1' }),
    { status: 400, param: 'validation_file' },
  ],
  [
    'a validation file with a bad row',
    async () => ({
      training_file: await upload(jsonl(ROWS)),
      validation_file: await upload('{"text": 3}'),
    }),
    { status: 400, param: 'validation_file' },
  ],
  [
    'a validation file of another form',
    async () => ({
      training_file: await upload(jsonl(ROWS)),
      validation_file: await upload(jsonl([{ text: 'Once' }])),
    }),
    { status: 400, param: 'validation_file' },
  ],
  [
    'integrations',
    () =>
      Promise.resolve({
        training_file: 'file-0',
        integrations: [{ type: 'wandb', wandb: { project: 'a' } }],
      }),
    { status: 400, param: 'integrations' },
  ],
])('%s is refused by name', async (_what, body, wanted) => {
  expect(await refusal({ model: STORIES_ID, ...(await body()) })).toMatchObject(wanted);
});

test('pausing and resuming are refused, and unknown jobs are not found', async () => {
  const { data } = await clientOf().fineTuning.jobs.list({ limit: 1 });
  for (const verb of ['pause', 'resume']) {
    const refused = await server.post(`/v1/fine_tuning/jobs/${data[0]!.id}/${verb}`, {});
    expect([verb, refused.status]).toEqual([verb, 400]);
  }
  for (const path of ['', '/events', '/checkpoints'])
    expect((await fetch(`${server.url}/v1/fine_tuning/jobs/ftjob-0${path}`)).status).toBe(404);
});

describe('a server with keys', () => {
  let keyed: TestServer;
  beforeAll(async () => {
    // own server: it asks for keys.
    keyed = await startTestServer({ trains: true, vars: { ACCESS: 'keys' } });
  });
  afterAll(() => keyed.close());

  test(
    "another's file and another's job do not exist, and erasing takes a job's adapter along",
    async () => {
      const [ada, bob] = await Promise.all(
        ['ada', 'bob'].map(async (subject) => {
          const { key } = await makeKey(keyed, { subject });
          return new OpenAI({ baseURL: `${keyed.url}/v1`, apiKey: key, maxRetries: 0 });
        }),
      );
      const training_file = await upload(jsonl(ROWS), 'fine-tune', ada);
      const body = { model: STORIES_ID, training_file, hyperparameters: { n_epochs: 2 } };
      await expect(bob!.fineTuning.jobs.create(body)).rejects.toMatchObject({
        ...{ status: 400, param: 'training_file' },
      });
      const { id } = await ada!.fineTuning.jobs.create(body);
      for (const call of [
        () => bob!.fineTuning.jobs.retrieve(id),
        () => bob!.fineTuning.jobs.cancel(id),
        () => bob!.fineTuning.jobs.listEvents(id),
      ])
        await expect(call()).rejects.toMatchObject({ status: 404 });
      expect((await bob!.fineTuning.jobs.list()).data).toEqual([]);
      const job = () => ada!.fineTuning.jobs.retrieve(id);
      await expect.poll(async () => (await job()).status, WAIT).toBe('succeeded');
      const models = async () => (await bob!.models.list()).data.map((model) => model.id);
      const made = (await job()).fine_tuned_model;
      await expect.poll(models, WAIT).toContain(made);
      const checkpoints = (await ada!.fineTuning.jobs.checkpoints.list(id)).data;
      const names = checkpoints.map((one) => one.fine_tuned_model_checkpoint);
      expect(names).toHaveLength(2);
      expect(await models()).toEqual(expect.arrayContaining(names));
      const erased = await fetch(`${keyed.url}/v1/subjects/me`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${ada!.apiKey}` },
      });
      expect(erased.status).toBe(200);
      const left = async () => (await models()).filter((model) => names.includes(model));
      await expect.poll(left, WAIT).toEqual([]);
      expect(existsSync(join(keyed.stateRoot, 'finetune', 'jobs', id))).toBe(false);
    },
    WAIT.timeout,
  );
});

test('a server that does not train says what to run instead', async () => {
  // own server: others may train.
  const other = await startTestServer();
  try {
    const body = { model: STORIES_ID, training_file: 'file-0' };
    const response = await other.post('/v1/fine_tuning/jobs', body);
    const { error } = await response.json<{ error: { code: string; message: string } }>();
    expect([response.status, error.code]).toEqual([501, 'E_LOCAL_ONLY']);
    expect(error.message).toContain('thimble finetune');
  } finally {
    await other.close();
  }
});
