/** An audit as the parts of a report. Shares have 95 % intervals (Wilson). */
import type { DistributionSummary } from '../../../engine/data/distribution.ts';
import { pairsHtml, problemSections } from '../output/section.ts';
import type { Section } from '../output/section.ts';
import type { Audit } from './audit.ts';
import { mediaSections } from './media-sections.ts';
import { percent, QUANTILES } from './shown.ts';

export function auditSections(audit: Audit): Section[] {
  return [
    rowsSection(audit),
    ...problemSections(audit.problems),
    lengthSection(audit),
    languageSection(audit),
    duplicateSection(audit),
    ...pairSections(audit),
    ...mediaSections(audit),
    personalSection(audit),
    licenceSection(audit),
    ...toxicitySections(audit),
    groupSection(audit),
  ];
}

function rowsSection({ nRow, problems, chars }: Audit): Section {
  return {
    title: 'Rows',
    rows: [
      ['rows', String(nRow)],
      ['bad rows, left out', String(problems.count)],
      ['characters', String(Math.round(chars.mean * chars.n))],
    ],
    numbers: [1],
  };
}

function lengthSection({ chars, words }: Audit): Section {
  const line = (name: string, { mean, quantiles }: DistributionSummary): string[] => [
    name,
    mean.toFixed(1),
    ...quantiles.map(String),
  ];
  return {
    title: 'Lengths',
    head: ['', 'mean', ...QUANTILES],
    rows: [line('characters', chars), line('words', words)],
    numbers: [1, 2, 3, 4, 5, 6, 7, 8],
    bars: chars.bars.map(({ from, to, count }) => ({
      label: from === to ? String(from) : `${from} to ${to} characters`,
      count,
    })),
  };
}

function languageSection({ languages, nRow }: Audit): Section {
  return {
    title: 'Languages',
    note: 'detected by n-grams in the first 1000 characters; unreliable for texts of a few words',
    head: ['language', 'rows', 'share'],
    rows: languages.map(({ name, nRow: n }) => [name, String(n), percent(n, nRow)]),
    numbers: [1],
  };
}

function duplicateSection({ nExact, nNear, nRow, similarity }: Audit): Section {
  return {
    title: 'Duplicates',
    note: 'rows that repeat an earlier one, in their picture or recording, too; the first stays when they are taken out',
    head: ['kind', 'rows', 'share'],
    rows: [
      ['exact (but for white space)', String(nExact), percent(nExact, nRow)],
      ...(similarity === null
        ? []
        : [[`near (similarity of at least ${similarity})`, String(nNear), percent(nNear, nRow)]]),
    ],
    numbers: [1],
  };
}

function pairSections({ pairs }: Audit): Section[] {
  if (pairs.length === 0) return [];
  return [
    {
      title: 'Pairs',
      note: 'some of the duplicates; similarity is exact',
      head: ['kind', 'similarity', 'first', 'repeats it'],
      rows: pairs.map(({ kind, first, second, similarity }) => [
        ...[kind, similarity.toFixed(2), first.at, second.at],
      ]),
      numbers: [1],
      extra: pairsHtml(pairs),
    },
  ];
}

function personalSection({ personal, nRow }: Audit): Section {
  return {
    title: 'Personal data',
    note: "as the kit's redaction finds it; values are not shown",
    head: ['kind', 'rows', 'share of rows', 'found'],
    rows: personal.map(({ kind, nRow: n, nFound }) => [
      ...[kind, String(n), percent(n, nRow), String(nFound)],
    ]),
    numbers: [1, 3],
  };
}

function licenceSection({ licences, nRow }: Audit): Section {
  return {
    title: 'Licences',
    note: "a row's own field (licence, license), or what --licence says",
    head: ['licence', 'allows', 'rows', 'share'],
    rows: licences.map(({ name, kind, nRow: n }) => [name, kind, String(n), percent(n, nRow)]),
    numbers: [2],
  };
}

function toxicitySections({ toxicity, nRow }: Audit): Section[] {
  if (toxicity === null) return [];
  return [
    {
      title: 'Toxicity',
      note: "rows that the kit's classifier flags at its own thresholds; it was trained on English tweets and errs",
      head: ['label', 'rows', 'share'],
      rows: [
        ['any', String(toxicity.nFlagged), percent(toxicity.nFlagged, nRow)],
        ...toxicity.labels.map(({ name, nRow: n }) => [name, String(n), percent(n, nRow)]),
      ],
      numbers: [1],
    },
  ];
}

function groupSection({ groups, nRow, toxicity }: Audit): Section {
  return {
    title: 'Who is spoken of',
    note: 'rows that name a group, by short lists of English words; words within six of a name that are more frequent there than elsewhere (p < 0.001)',
    head: ['group', 'rows', 'share of rows', 'of these flagged', 'near'],
    rows: groups
      .filter(({ nText }) => nText > 0)
      .map(({ axis, group, nText, nMarked, near }) => [
        `${axis}: ${group}`,
        String(nText),
        percent(nText, nRow),
        toxicity === null ? 'not judged' : percent(nMarked, nText),
        near.map(({ word, ratio }) => `${word} (${ratio.toFixed(1)}x)`).join(', '),
      ]),
    numbers: [1],
  };
}
