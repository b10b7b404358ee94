/** Bodies of every endpoint, from its examples, through the checks that they meet first. */
import { ENDPOINTS } from '../../../../worker/gateway/endpoints.ts';
import { checkBody, parseJson } from '../../../../worker/http/body/json-body.ts';
import { refuseParameters } from '../../../../worker/http/body/refused.ts';
import { unknownFields } from '../../../../worker/http/body/unknown-fields.ts';
import { parseLine } from '../../../../worker/apis/batches/batch-line.ts';
import type { FuzzTarget, FuzzTargets } from '../fuzz-target.ts';
import { mutateJson, mutateText } from '../mutate.ts';
import type { Random } from '../random.ts';

function bodyTexts(seeds: readonly unknown[], random: Random): string {
  const seed = random.pick(seeds);
  return random.chance(0.8)
    ? (JSON.stringify(mutateJson(seed, random)) ?? '')
    : mutateText(JSON.stringify(seed), random);
}

const bodies = ENDPOINTS.flatMap(({ name, body, refused = [], examples }): FuzzTarget[] => {
  if (body === undefined) return [];
  const seeds = examples.flatMap((example) => example.body ?? []);
  return [
    {
      name: `body-${name}`,
      run(random) {
        const json = parseJson(bodyTexts(seeds, random));
        refuseParameters(json, refused);
        checkBody(json, body);
        unknownFields(json as object, body, refused);
      },
    },
  ];
});

const LINE = {
  custom_id: 'a',
  method: 'POST',
  url: '/v1/chat/completions',
  body: { messages: [] },
};

const lines: FuzzTarget = {
  name: 'batch-lines',
  run(random) {
    const text = bodyTexts([LINE], random);
    const bytes = new TextEncoder().encode(text);
    const line = { number: 1, bytes, endOffset: bytes.length };
    const { error } = parseLine(line, '/v1/chat/completions');
    if (error?.code === 'E_INTERNAL')
      throw new Error(`a line without a code: ${text.slice(0, 200)}`);
  },
};

export const bodyTargets: FuzzTargets = () => Promise.resolve([...bodies, lines]);
