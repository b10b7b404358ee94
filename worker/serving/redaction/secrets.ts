/** Keys by the beginnings that their issuers give them. */
import type { Span } from './span.ts';

/** Each a fixed beginning and one class of characters, so that a match never goes back. */
const FORMS: readonly RegExp[] = [
  /(?<![\w-])(?:thk_|sk-|pk-|rk-|sk_live_|sk_test_|rk_live_|ghp_|gho_|ghs_|ghu_|github_pat_|glpat-|xox[abprs]-|hf_|npm_|pypi-|AIza|ya29\.|SG\.|shpat_)[\w.-]{16,512}/g,
  /(?<!\w)(?:AKIA|ASIA)[0-9A-Z]{16}/g,
  /(?<![\w-])eyJ[\w-]{8,4096}\.eyJ[\w-]{2,8192}\.[\w-]{10,2048}/g,
];
const PEM_BEGIN = '-----BEGIN ';
const PEM_END = '-----END ';
const MAX_PEM = 16_384;
/** Characters in which the kind of key stands. */
const MAX_TITLE = 60;

export function* findSecrets(text: string): Generator<Span, void, void> {
  for (const form of FORMS)
    for (const { index, 0: found } of text.matchAll(form)) {
      const secret = found.replace(/[.-]+$/, '');
      yield { start: index, end: index + secret.length };
    }
  yield* findPrivateKeys(text);
}

/** Each border is looked for once, so that many beginnings without an end cost no more than one. */
function* findPrivateKeys(text: string): Generator<Span, void, void> {
  let end = -1;
  for (let at = text.indexOf(PEM_BEGIN); at >= 0; at = text.indexOf(PEM_BEGIN, at + 1)) {
    if (end < at) end = text.indexOf(PEM_END, at);
    if (end < 0) return;
    const close = text.indexOf('-----', end + PEM_END.length);
    if (close < 0) return;
    const isNear = close - at <= MAX_PEM;
    if (!isNear || !text.slice(at, at + MAX_TITLE).includes('PRIVATE KEY')) continue;
    yield { start: at, end: close + 5 };
    at = close;
  }
}
