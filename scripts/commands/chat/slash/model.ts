import { localManifests } from '../../../dev/local-models.ts';
import type { SlashCommand } from './command.ts';

export const model: SlashCommand = {
  usage: '[ID]',
  about: 'go on with another model; without an id, list those on this machine',
  async run({ session, say }, id) {
    if (id !== '') {
      await session.useModel(id);
      say(`now ${id}`);
      return;
    }
    const others = (await localManifests()).filter(({ kind }) => kind === 'decoder');
    say(`${session.modelId}; on this machine: ${others.map((manifest) => manifest.id).join(', ')}`);
  },
};
