/**
 * What config.json says of a model with classes (transformers' ...ForSequenceClassification): a classifier of texts, or
 * a reranker, which sentence-transformers calls a cross-encoder.
 */
import type { EncoderFamily } from '../../../engine/archs/types.ts';
import type { JsonObject } from '../../../engine/formats/json.ts';
import { MAX_CLASSES } from '../../../engine/manifest/encoder-config.ts';
import type { EncoderConfig } from '../../../engine/manifest/manifest.ts';
import { asObject } from './hf-config.ts';
import { configError } from './opened-model.ts';

const ARCHITECTURE = /ForSequenceClassification$/;
/** Classes where config.json names none: transformers leaves its own default out. */
const DEFAULT_CLASSES = 2;
/** Whose classes exclude each other, or which have one score. */
const PROBLEMS = ['single_label_classification', 'regression'];

/**
 * Classes of a model that has some, else null.
 * @throws {EngineError} E_FORMAT_INVALID naming the field
 */
export function classifierFromHf(
  where: string,
  config: JsonObject,
  { name, score }: EncoderFamily,
): Pick<EncoderConfig, 'nClass' | 'labels'> | null {
  const architectures = config['architectures'];
  const [architecture] = Array.isArray(architectures) ? architectures : [];
  if (typeof architecture !== 'string' || !ARCHITECTURE.test(architecture)) return null;
  const refuse = (what: string, field: string) =>
    configError(where, `${field} ${what} in ${name}`, { field });
  if (score === undefined)
    throw refuse('asks for classes, which are not supported', 'architectures');
  const problem = config['problem_type'] ?? PROBLEMS[0]!;
  if (typeof problem !== 'string' || !PROBLEMS.includes(problem))
    throw refuse(`is not supported; expected ${PROBLEMS.join(' or ')}`, 'problem_type');
  const labels = Object.entries(asObject(config['id2label']) ?? {})
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => {
      if (typeof label === 'string') return label;
      throw refuse('has a label that is no text', 'id2label');
    });
  if (labels.length > MAX_CLASSES)
    throw refuse(`has ${labels.length} classes; expected at most ${MAX_CLASSES}`, 'id2label');
  return labels.length === 0 ? { nClass: DEFAULT_CLASSES } : { nClass: labels.length, labels };
}
