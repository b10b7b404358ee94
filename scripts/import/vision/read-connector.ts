/** What a config.json says of the rows that are taken from a tower, and of what makes a text model's rows of them. */
import type { JsonObject } from '../../../engine/formats/json.ts';
import type { TowerConfig } from '../../../engine/manifest/tower-config.ts';
import { configError } from '../open/opened-model.ts';
import type { Container } from './containers.ts';

const WHERE = 'config.json';

interface TowerFacts {
  /** Layers in the file. */
  readonly nAll: number;
  /** Whether the tower has a row before the patches. */
  readonly isFirst: boolean;
  /** Width of the text model. */
  readonly nOut: number;
}

export interface ReadConnector extends Pick<TowerConfig, 'nLayer' | 'outputNorm' | 'connector'> {
  readonly wanted: ReadonlySet<string>;
}

type Reader = (json: JsonObject, facts: TowerFacts) => ReadConnector;

const READERS: Readonly<Record<Container['connector'], Reader>> = {
  /** Idefics 3: the normed rows of the last layer, patches of a square together, one product. */
  shuffle: (json, { nAll, nOut }) => ({
    ...{ nLayer: nAll, outputNorm: true, wanted: new Set() },
    connector: { factor: numberOr(json, 'scale_factor', 2), nOut, keepsFirst: false },
  }),
  /** LLaVA: the rows before some layer, two products with GELU between them. */
  'two-products': (json, { nAll, isFirst, nOut }) => {
    if ((json['projector_hidden_act'] ?? 'gelu') !== 'gelu')
      throw configError(WHERE, 'projector_hidden_act; expected gelu', {});
    const layer = numberOr(json, 'vision_feature_layer', -2);
    // Those of the last layer are normed in some towers and versions, and not in others.
    const nLayer = layer < 0 ? nAll + 1 + layer : layer;
    if (nLayer < 1 || nLayer >= nAll)
      throw configError(
        WHERE,
        `vision_feature_layer ${layer}; expected the rows of a layer before the last of ${nAll}`,
        { layer },
      );
    const hasBias = (json['multimodal_projector_bias'] ?? true) === true;
    return {
      ...{ nLayer, outputNorm: false },
      wanted: new Set(hasBias ? ['connectInBias', 'connectOutBias'] : []),
      connector: { factor: 1, nHidden: nOut, nOut, keepsFirst: keepsFirst(json, isFirst) },
    };
  },
};

/** @throws {EngineError} E_FORMAT_INVALID naming the field */
export function readConnector(
  json: JsonObject,
  kind: Container['connector'],
  facts: TowerFacts,
): ReadConnector {
  return READERS[kind](json, facts);
}

function keepsFirst(json: JsonObject, isFirst: boolean): boolean {
  const strategy = json['vision_feature_select_strategy'] ?? 'default';
  if (strategy === 'full') return isFirst;
  if (strategy === 'default' && isFirst) return false;
  const expected = isFirst
    ? 'default or full'
    : 'full, since the tower has no row before its patches';
  throw configError(WHERE, `vision_feature_select_strategy; expected ${expected}`, {});
}

function numberOr(json: JsonObject, field: string, fallback: number): number {
  const value = json[field] ?? fallback;
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw configError(WHERE, `${field}; expected a whole number`, { field });
}
