/** POST /v1/moderations. */
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import type { Caller } from '../../platform/caller.ts';
import type { ImageLabel } from '../../onnx/tasks/image-labels.ts';
import { requireTask } from '../../onnx/tasks/require-task.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { findModelOfKind } from '../../serving/models/model-store.ts';
import { judgeText, textClassifier } from '../../serving/policy/text-judge.ts';
import { readDataUrl } from '../../http/body/data-url.ts';
import { askOnnx } from '../../serving/clients/onnx-client.ts';
import {
  CATEGORIES,
  MAX_MODERATED_CHARS,
  MAX_MODERATED_IMAGES,
  moderationBodySchema,
  moderationSchema,
} from './schema.ts';
import { GREY_PICTURE } from '../images/grey-picture.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

/** The image classifier's name of the category. */
const JUDGED_LABEL = 'nsfw';
/** Score from which an image is flagged. */
const IMAGE_THRESHOLD = 0.8;

export const createModeration = defineEndpoint({
  name: 'createModeration',
  method: 'POST',
  path: '/v1/moderations',
  tag: 'onnx',
  summary: 'Classify whether texts are offensive or hateful and images sexual',
  scope: 'chat',
  description:
    "Like OpenAI's endpoint, with the categories that the classifiers know: of texts hate and offensive (English; " +
    'a category of its own), of images sexual. A text gets one result, several get one each; parts are classified ' +
    "together, by the highest scores. OpenAI's other categories have the score 0 and an empty list in " +
    '"category_applied_input_types": nothing judged them. Images are data: URLs of PNG or JPEG. A score is an estimate, not a decision: ' +
    'docs/moderation.md says how often it is wrong, and for whom.',
  body: moderationBodySchema,
  responses: [{ status: 200, what: 'the results', schema: moderationSchema }],
  examples: [
    { title: 'A text', body: { input: 'Is this fine?' } },
    { title: 'Several texts, one result each', body: { input: ['Is this fine?', 'And this?'] } },
    {
      title: 'An unknown model',
      body: { model: 'nothing', input: [{ type: 'image_url', image_url: { url: GREY_PICTURE } }] },
      status: 404,
    },
  ],
  async handle({ env, caller, body, record }) {
    const groups = readGroups(body.input);
    const hasImages = groups.some(({ images }) => images.length > 0);
    const imageModel = hasImages ? await findImageModel(env, caller, body.model) : null;
    const hasTexts = groups.some(({ texts }) => texts.length > 0);
    if (!hasImages) refuseOtherModel(body.model);
    const models = [...(imageModel === null ? [] : [imageModel]), ...(hasTexts ? [textId()] : [])];
    record.modelId = models[0] ?? null;
    const results = [];
    for (const { images, texts } of groups) {
      const rows = [
        ...(await judgeTexts(texts)),
        ...(imageModel === null ? [] : await judgeImages(env, caller, imageModel, images)),
      ];
      results.push(resultOf(rows, body.threshold));
    }
    return Response.json({
      id: `modr-${crypto.randomUUID().replaceAll('-', '')}`,
      model: models.join('+'),
      results,
    });
  },
});

type Input = (typeof moderationBodySchema)['_output']['input'];

interface JudgedImage {
  readonly bytes: Uint8Array;
  readonly param: string;
}

/** What gets one result together. */
interface Group {
  readonly texts: readonly string[];
  readonly images: readonly JudgedImage[];
}

interface CategoryRow {
  readonly category: string;
  readonly kind: 'image' | 'text';
  readonly score: number;
  readonly threshold: number;
}

/** @throws {EngineError} E_REQUEST_INVALID naming the part at fault */
function readGroups(input: Input): Group[] {
  const parts = typeof input === 'string' ? [input] : input;
  const texts = parts.flatMap((part) =>
    typeof part === 'string' ? [part] : part.type === 'text' ? [part.text] : [],
  );
  const nChar = texts.reduce((sum, text) => sum + text.length, 0);
  if (nChar > MAX_MODERATED_CHARS)
    throw invalidField(
      'input',
      `expected at most ${MAX_MODERATED_CHARS} characters in a request, got ${nChar}; send several requests`,
    );
  const nImage = parts.length - texts.length;
  if (nImage > MAX_MODERATED_IMAGES)
    throw invalidField(
      'input',
      `expected at most ${MAX_MODERATED_IMAGES} images in a request, got ${nImage}`,
    );
  if (parts.every((part) => typeof part === 'string'))
    return texts.map((text) => ({ texts: [text], images: [] }));
  const images = parts.flatMap((part, i): JudgedImage[] => {
    if (typeof part === 'string' || part.type === 'text') return [];
    const param = `input[${i}].image_url.url`;
    return [{ bytes: readDataUrl(part.image_url.url, param), param }];
  });
  return [{ texts, images }];
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND */
async function findImageModel(
  env: ServingEnv,
  caller: Caller,
  named: string | undefined,
): Promise<string> {
  const id = named === undefined || named === textId() ? env.MODERATION_MODEL : named;
  const { manifest } = await findModelOfKind(env.MODELS, id, 'onnx', caller);
  requireTask(manifest, 'image-moderation');
  return manifest.id;
}

function refuseOtherModel(named: string | undefined): void {
  if (named === undefined || named === textId()) return;
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: ${named.slice(0, 80)} does not classify texts; expected ${textId()}, or none.`,
    { param: 'model', details: { models: [textId()] } },
  );
}

const textId = (): string => textClassifier().id;

async function judgeTexts(texts: readonly string[]): Promise<CategoryRow[]> {
  const rows = new Map<string, CategoryRow>();
  for (const text of texts)
    for (const [category, { score, threshold }] of await judgeText(text)) {
      const best = Math.max(score, rows.get(category)?.score ?? 0);
      rows.set(category, { category, kind: 'text', score: best, threshold });
    }
  return [...rows.values()];
}

async function judgeImages(
  env: ServingEnv,
  caller: Caller,
  modelId: string,
  images: readonly JudgedImage[],
): Promise<CategoryRow[]> {
  let score = 0;
  for (const { bytes, param } of images) {
    const labels = await askOnnx<ImageLabel[]>(
      env,
      caller,
      modelId,
      (stub, call) => stub.labelImage(call, modelId, bytes),
      param,
    );
    score = Math.max(score, labels.find(({ label }) => label === JUDGED_LABEL)?.score ?? 0);
  }
  return [{ category: 'sexual', kind: 'image', score, threshold: IMAGE_THRESHOLD }];
}

/** All categories: those that nothing judged have the score 0 and no input types. */
function resultOf(rows: readonly CategoryRow[], asked: number | undefined) {
  const isFlagged = ({ score, threshold }: CategoryRow) => score >= (asked ?? threshold);
  const byCategory = <T>(value: (row: CategoryRow) => T, unjudged: T) =>
    Object.fromEntries(
      CATEGORIES.map((name) => {
        const row = rows.find(({ category }) => category === name);
        return [name, row === undefined ? unjudged : value(row)];
      }),
    );
  return {
    flagged: rows.some(isFlagged),
    categories: byCategory(isFlagged, false),
    category_scores: byCategory(({ score }) => score, 0),
    category_applied_input_types: byCategory<string[]>(({ kind }) => [kind], []),
  };
}
