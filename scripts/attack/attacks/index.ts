/** All attacks, in the order they are sent. */
import type { Attack } from '../attack.ts';
import { CLIENTS } from './clients.ts';
import { FORMATS } from './formats.ts';
import { JSON_BODIES } from './json-bodies.ts';
import { MEDIA } from './media.ts';
import { PROTOCOL } from './protocol.ts';
import { RETRIEVAL } from './retrieval.ts';
import { TEMPLATES } from './templates.ts';
import { TEXTS } from './texts.ts';

export const ATTACKS: readonly Attack[] = [
  ...TEXTS,
  ...TEMPLATES,
  ...JSON_BODIES,
  ...FORMATS,
  ...RETRIEVAL,
  ...MEDIA,
  ...PROTOCOL,
  ...CLIENTS,
];
