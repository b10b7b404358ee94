import { localManifests } from '../../../dev/local-models.ts';
import type { SlashCommand } from './command.ts';

export const model: SlashCommand = {
  usage: '[ID]',
  about: 'go on with another model; nothing shows which there are',
  async run({ session, say }, id) {
    if (id !== '') {
      await session.useModel(id);
      say(`now ${id}`);
      return;
    }
    const others = (await localManifests()).filter(({ kind }) => kind === 'decoder');
    say(`${session.modelId}; here are ${others.map((manifest) => manifest.id).join(', ')}`);
  },
};
