/** International bank account numbers: by country, with their checksum. */
import { isIbanChecked } from './check-digits.ts';
import type { Span } from './span.ts';
import { isWordAt } from './span.ts';

/** Characters of each country's numbers (SWIFT, IBAN registry, release 99). */
const LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);
const BEGIN = /[A-Za-z]{2}\d{2}/g;

export function* findIbans(text: string): Generator<Span, void, void> {
  for (const { index, 0: begin } of text.matchAll(BEGIN)) {
    const length = LENGTHS[begin.slice(0, 2).toUpperCase()];
    if (length === undefined || isWordAt(text, index - 1)) continue;
    const end = endOf(text, index, length);
    if (end === null || isWordAt(text, end)) continue;
    const iban = text.slice(index, end).replaceAll(/[ \u00a0-]/g, '');
    if (isIbanChecked(iban)) yield { start: index, end };
  }
}

/** Where `length` letters and digits end, which single separators may stand between; null when there are fewer. */
function endOf(text: string, start: number, length: number): number | null {
  let n = 0;
  let isGap = false;
  for (let i = start; i < text.length; i++) {
    const char = text[i]!;
    if (/[A-Za-z0-9]/.test(char)) {
      isGap = false;
      if (++n === length) return i + 1;
    } else if (isGap || !/[ \u00a0-]/.test(char)) {
      return null;
    } else {
      isGap = true;
    }
  }
  return null;
}
