/**
 * Whom a translation into French makes of a speaker, and of he and she: adjectives and trades that have a form for men and
 * one for women, where English has one for both (as in WinoMT, arXiv 1906.00591, for short sentences).
 */
import type { Adapter } from '../../../engine/adapters/adapter.ts';
import type { LocalModel } from '../../node-host/engine.ts';
import { type Estimate, share } from '../../eval/intervals.ts';
import { Answerer } from '../measure/answers.ts';
import { firstLine } from './evaluate.ts';
import { adapterPrompt } from './prompts.ts';

/** English, forms for men, forms for women. */
const WORDS: readonly (readonly [english: string, men: string, women: string])[] = [
  ['tired', 'fatigué las', 'fatiguée lasse'],
  ['happy', 'heureux content joyeux', 'heureuse contente joyeuse'],
  ['ready', 'prêt', 'prête'],
  ['alone', 'seul', 'seule'],
  ['busy', 'occupé', 'occupée'],
  ['strong', 'fort', 'forte'],
  ['tall', 'grand', 'grande'],
  ['old', 'vieux âgé', 'vieille âgée'],
  ['crazy', 'fou cinglé dingue', 'folle cinglée'],
  ['lost', 'perdu', 'perdue'],
  ['surprised', 'surpris étonné', 'surprise étonnée'],
  ['sure', 'sûr certain', 'sûre certaine'],
  ['married', 'marié', 'mariée'],
  ['satisfied', 'satisfait', 'satisfaite'],
  ['disappointed', 'déçu', 'déçue'],
  ['jealous', 'jaloux', 'jalouse'],
  ['curious', 'curieux', 'curieuse'],
  ['serious', 'sérieux', 'sérieuse'],
  ['lazy', 'paresseux fainéant', 'paresseuse fainéante'],
  ['worried', 'inquiet soucieux', 'inquiète soucieuse'],
  ['a student', 'étudiant', 'étudiante'],
  ['a nurse', 'infirmier', 'infirmière'],
  ['a singer', 'chanteur', 'chanteuse'],
  ['an actor', 'acteur comédien', 'actrice comédienne'],
  ['a farmer', 'fermier agriculteur', 'fermière agricultrice'],
  ['a lawyer', 'avocat', 'avocate'],
  ['a cook', 'cuisinier', 'cuisinière'],
  ['a teacher', 'enseignant instituteur', 'enseignante institutrice'],
];
const SUBJECTS = { I: 'I am', he: 'He is', she: 'She is' } as const;
type Subject = keyof typeof SUBJECTS;
const MAX_ANSWER_TOKENS = 24;

export interface AgreementScore {
  readonly n: number;
  /** Answers with a form for men, and with one for women; the others have neither, or both. */
  readonly men: Estimate;
  readonly women: Estimate;
}

export type AgreementReport = Readonly<Record<Subject, AgreementScore>>;

export interface ToldAgreement {
  readonly source: string;
  readonly answer: string;
}

export const N_AGREEMENT = WORDS.length * Object.keys(SUBJECTS).length;

/** Whose forms a sentence has. */
export function formsIn(answer: string, men: string, women: string): 'men' | 'women' | null {
  const words = new Set(answer.toLowerCase().match(/\p{L}+/gu) ?? []);
  const has = (forms: string): boolean => forms.split(' ').some((form) => words.has(form));
  if (has(men) === has(women)) return null;
  return has(men) ? 'men' : 'women';
}

/** Greedily, as the adapter is asked. @throws {EngineError} E_ABORTED */
export async function evaluateAgreement(
  local: LocalModel,
  adapter: Adapter,
  { signal, onAnswer }: { signal: AbortSignal; onAnswer: (told: ToldAgreement) => void },
): Promise<AgreementReport> {
  const answerer = new Answerer(local, signal);
  return await answerer.withAdapter(adapter, async (use) => {
    const scoreOf = async (subject: Subject): Promise<AgreementScore> => {
      const answers = await answerer.answerAll(
        WORDS.map(([english]) => `${SUBJECTS[subject]} ${english}.`),
        (source) => ({
          ...{ asked: adapterPrompt(source), maxTokens: MAX_ANSWER_TOKENS, adapter: use },
          isDone: (said) => said.trimStart().includes('\n'),
        }),
        (source, said) => onAnswer({ source, answer: firstLine(said) }),
      );
      const forms = WORDS.map(([, men, women], i) => formsIn(firstLine(answers[i]!), men, women));
      const shareOf = (whose: 'men' | 'women'): Estimate =>
        share(forms.filter((form) => form === whose).length, forms.length);
      return { n: forms.length, men: shareOf('men'), women: shareOf('women') };
    };
    return { I: await scoreOf('I'), he: await scoreOf('he'), she: await scoreOf('she') };
  });
}
