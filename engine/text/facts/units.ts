/** Units that figures are compared in. Two of one dimension are equal when value times factor is. */

export interface Unit {
  readonly dimension: string;
  readonly factor: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;

/** By dimension: names of units and what one of them is in the dimension's own. */
const DIMENSIONS: Readonly<Record<string, readonly (readonly [names: string, factor: number])[]>> =
  {
    percent: [['% percent pct', 1]],
    second: [
      ['ms millisecond milliseconds', 0.001],
      ['s sec secs second seconds', 1],
      ['min mins minute minutes', 60],
      ['h hr hrs hour hours', HOUR],
      ['d day days', DAY],
      ['week weeks', 7 * DAY],
    ],
    month: [
      ['month months', 1],
      ['year years yr yrs', 12],
    ],
    metre: [
      ['mm millimetre millimetres millimeter millimeters', 0.001],
      ['cm centimetre centimetres centimeter centimeters', 0.01],
      ['m metre metres meter meters', 1],
      ['km kilometre kilometres kilometer kilometers', 1000],
      ['ft foot feet', 0.3048],
      ['in inch inches', 0.0254],
      ['mile miles', 1609.344],
    ],
    'square metre': [
      ['m² m2 sqm', 1],
      ['ha hectare hectares', 10_000],
      ['km² km2', 1e6],
    ],
    gram: [
      ['mg milligram milligrams', 0.001],
      ['g gram grams', 1],
      ['kg kilogram kilograms kilo kilos', 1000],
      ['t tonne tonnes ton tons', 1e6],
      ['lb lbs', 453.59237],
    ],
    litre: [
      ['ml millilitre millilitres milliliter milliliters', 0.001],
      ['cl', 0.01],
      ['l litre litres liter liters', 1],
      ['m³ m3', 1000],
    ],
    celsius: [['°c celsius', 1]],
    fahrenheit: [['°f fahrenheit', 1]],
    euro: [['€ eur euro euros', 1]],
    dollar: [['$ usd dollar dollars', 1]],
    pound: [
      ['£ gbp pound pounds', 1],
      ['pence', 0.01],
    ],
    yen: [['¥ jpy yen', 1]],
    franc: [['chf franc francs', 1]],
    crown: [['sek nok dkk crown crowns kronor kroner', 1]],
    cent: [['cent cents', 1]],
    watt: [
      ['w watt watts', 1],
      ['kw kilowatt kilowatts', 1000],
      ['megawatt megawatts', 1e6],
    ],
    'watt hour': [
      ['wh', 1],
      ['kwh', 1000],
      ['mwh', 1e6],
    ],
    'bit a second': [
      ['kbit/s kbps', 1e3],
      ['mbit/s mbps', 1e6],
      ['gbit/s gbps', 1e9],
    ],
    byte: [
      ['byte bytes', 1],
      ['kb', 1e3],
      ['mb megabyte megabytes', 1e6],
      ['gb gigabyte gigabytes', 1e9],
    ],
    'kilometre an hour': [
      ['km/h kph', 1],
      ['mph', 1.609344],
    ],
    knot: [['knot knots', 1]],
    bar: [['bar', 1]],
    lux: [['lux', 1]],
    decibel: [['db decibel decibels', 1]],
  };

const UNITS: ReadonlyMap<string, Unit> = new Map(
  Object.entries(DIMENSIONS).flatMap(([dimension, rows]) =>
    rows.flatMap(([names, factor]) =>
      names.split(' ').map((name): [string, Unit] => [name, { dimension, factor }]),
    ),
  ),
);

/** Units of several words, as the one that they are read as. */
export const UNIT_PHRASES: readonly (readonly [RegExp, string])[] = [
  [/^per\s?cent\b/i, '%'],
  [/^square\s(?:metres?|meters?)\b/i, 'm²'],
  [/^cubic\s(?:metres?|meters?)\b/i, 'm³'],
  [/^(?:degrees?\s|°\s?)(?:celsius|c)\b/i, '°c'],
  [/^(?:degrees?\s|°\s?)(?:fahrenheit|f)\b/i, '°f'],
  [/^miles\s(?:per|an)\shour\b/i, 'mph'],
  [/^(?:kilometres|kilometers)\s(?:per|an)\shour\b/i, 'km/h'],
];

/** The unit of a name as texts write it, or undefined. */
export function unitOf(name: string): Unit | undefined {
  return UNITS.get(name.toLowerCase());
}
