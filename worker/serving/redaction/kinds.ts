/** What can be redacted. A row is the name in requests, the word in placeholders, and how it is found. */
import { findIps, findUrlSecrets } from './addresses.ts';
import { findEmails } from './emails.ts';
import { findIbans } from './ibans.ts';
import { findNames } from './names.ts';
import { findCards, findNationalIds, findPhones } from './numbers.ts';
import { findSecrets } from './secrets.ts';
import type { Finder } from './span.ts';

/** In the order in which they are looked for: of two that overlap the first counts. */
export const REDACTION_KINDS = {
  secret: { label: 'SECRET', find: findSecrets },
  url_token: { label: 'TOKEN', find: findUrlSecrets },
  email: { label: 'EMAIL', find: findEmails },
  iban: { label: 'IBAN', find: findIbans },
  card: { label: 'CARD', find: findCards },
  national_id: { label: 'ID', find: findNationalIds },
  ip: { label: 'IP', find: findIps },
  phone: { label: 'PHONE', find: findPhones },
  name: { label: 'NAME', find: findNames },
} as const satisfies Readonly<Record<string, { readonly label: string; readonly find: Finder }>>;

export type RedactionKind = keyof typeof REDACTION_KINDS;

export const REDACTION_KIND_NAMES = Object.keys(REDACTION_KINDS) as RedactionKind[];
