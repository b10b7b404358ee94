/** How a text model reads pictures through its tower: markers as ids of its own tokenizer. */
import { towerRows } from '../../../engine/manifest/tower-config.ts';
import type { TowerConfig } from '../../../engine/manifest/tower-config.ts';
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { configError } from '../open/opened-model.ts';
import type { OpenedTokenizer, TowerSight } from '../open/opened-model.ts';
import type { FrameTexts } from './containers.ts';

/**
 * @param findImageId the id of the token that stands for a picture, as the file has it
 * @throws {EngineError} E_FORMAT_INVALID when it is no special token
 */
export function sightOf(
  { before, after, tiles }: FrameTexts,
  tower: TowerConfig,
  { json, addBos, bosId, eosIds }: OpenedTokenizer,
  findImageId: (tokenizer: Tokenizer) => number | undefined,
): TowerSight {
  const tokenizer = Tokenizer.parse(json, { addBos, bosId, eosIds: [...eosIds] });
  const encode = (text: string) => (text === '' ? [] : tokenizer.encode(text, { special: true }));
  const imageId = findImageId(tokenizer);
  if (imageId === undefined || !tokenizer.isSpecial(imageId))
    throw configError('config.json', 'image_token_id; expected the id of a special token', {});
  const { preparation, side } = tower;
  const nTile =
    preparation.kind === 'tiles' ? Math.max(1, Math.ceil(preparation.longestEdge / side)) : 0;
  const numbers = Array.from({ length: nTile }, (_, i) => i + 1);
  return {
    ...{ imageId, nRow: towerRows(tower), before: encode(before), after: encode(after) },
    ...(tiles === undefined || nTile === 0
      ? {}
      : {
          tiles: {
            begin: numbers.map((row) => numbers.map((column) => encode(tiles.begin(row, column)))),
            rowEnd: encode(tiles.rowEnd),
            lastEnd: encode(tiles.lastEnd),
          },
        }),
  };
}
