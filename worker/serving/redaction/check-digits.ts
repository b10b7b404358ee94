/** Checksums of numbers that people and accounts have. Each takes digits without separators. */

/** Cards (ISO/IEC 7812). */
export function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit;
  }
  return sum % 10 === 0;
}

/** Accounts (ISO 13616): letters are numbers from 10, the first four characters go to the end, and the rest of 97 is 1. */
export function isIbanChecked(iban: string): boolean {
  let rest = 0;
  for (const char of iban.slice(4) + iban.slice(0, 4)) {
    const value = parseInt(char, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** United States: social security numbers as they have been issued (ssa.gov, "Randomization"). */
export function isSsn(digits: string): boolean {
  const [area, group, serial] = [digits.slice(0, 3), digits.slice(3, 5), digits.slice(5)];
  const isArea = area !== '000' && area !== '666' && area[0] !== '9';
  return digits.length === 9 && isArea && group !== '00' && serial !== '0000';
}

function weighted(digits: string, weights: readonly number[]): number {
  return weights.reduce((sum, weight, i) => sum + weight * Number(digits[i]), 0);
}

/** United Kingdom: NHS numbers, modulus 11 (datadictionary.nhs.uk). */
export function isNhs(digits: string): boolean {
  if (digits.length !== 10 || isOneDigit(digits)) return false;
  const check = (11 - (weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
  return check === Number(digits[9]);
}

/** Germany: tax ids, ISO 7064 MOD 11,10; of the first ten digits one is there twice or three times, no other twice. */
export function isGermanTaxId(digits: string): boolean {
  if (digits.length !== 11 || digits[0] === '0') return false;
  const counts = new Map<string, number>();
  for (const digit of digits.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  const repeated = [...counts.values()].filter((n) => n > 1);
  if (repeated.length !== 1 || repeated[0]! > 3) return false;
  let product = 10;
  for (const digit of digits.slice(0, 10)) {
    const sum = (Number(digit) + product) % 10 || 10;
    product = (2 * sum) % 11;
  }
  return (11 - product) % 10 === Number(digits[10]);
}

/** Netherlands: burgerservicenummer, the "elfproef". */
export function isBsn(digits: string): boolean {
  const padded = digits.padStart(9, '0');
  if (digits.length < 8 || digits.length > 9 || isOneDigit(padded)) return false;
  return weighted(padded, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0;
}

/** Brazil: CPF, two check digits of modulus 11. */
export function isCpf(digits: string): boolean {
  if (digits.length !== 11 || isOneDigit(digits)) return false;
  const checkOf = (n: number): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Number(digits[i]) * (n + 1 - i);
    return ((10 * sum) % 11) % 10;
  };
  return checkOf(9) === Number(digits[9]) && checkOf(10) === Number(digits[10]);
}

const DNI_LETTERS = 'TRWAGMYFPDXBNJZSQVHLCKE';

/** Spain: DNI (8 digits and a letter) and NIE (X, Y or Z, 7 digits and a letter). */
export function isDni(text: string): boolean {
  const id = text.toUpperCase();
  const first = 'XYZ'.indexOf(id[0]!);
  const digits = first < 0 ? id.slice(0, 8) : `${first}${id.slice(1, 8)}`;
  return /^\d{8}$/.test(digits) && DNI_LETTERS[Number(digits) % 23] === id[8] && id.length === 9;
}

function isOneDigit(digits: string): boolean {
  return digits === digits[0]!.repeat(digits.length);
}
