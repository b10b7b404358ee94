/** Command lines of the program that stand in the texts of the sources: hints of errors, examples of helps. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { repoRoot } from '../../scripts/lib/paths.ts';

export interface Hint {
  /** `engine/manifest/placement.ts:191` */
  readonly place: string;
  /** Words after `thimble`; what the source fills in is `1`. */
  readonly words: readonly string[];
  /** Whether it is a line to be typed, and no mention of a command in a sentence. */
  readonly isWhole: boolean;
}

/** Fits ids, counts and ports alike. */
const FILLED_IN = '1';

export function findHints(folders: readonly string[]): Hint[] {
  return folders.flatMap((folder) =>
    readdirSync(join(repoRoot, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => hintsOf(join(folder, name))),
  );
}

function hintsOf(path: string): Hint[] {
  const source = ts.createSourceFile(
    path,
    readFileSync(join(repoRoot, path), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const hints: Hint[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    if (text === null) {
      ts.forEachChild(node, visit);
      return;
    }
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    for (const hint of linesIn(text)) hints.push({ place: `${path}:${line}`, ...hint });
    if (ts.isTemplateExpression(node)) node.templateSpans.forEach((span) => visit(span.expression));
  };
  visit(source);
  return hints;
}

/** A literal, or several that are put together. */
function textOf(node: ts.Node): string | null {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return (
      node.head.text + node.templateSpans.map((span) => FILLED_IN + span.literal.text).join('')
    );
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken)
    return null;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === null || right === null ? null : left + right;
}

type Line = Pick<Hint, 'words' | 'isWhole'>;

/** What follows the name of the program, up to where a sentence or a shell goes on with something else. */
export function linesIn(text: string): Line[] {
  return [...text.matchAll(/(?<![\w./@-])thimble(?= [a-z-])/g)].map((match) => {
    const before = text.slice(0, match.index);
    const after = text.slice(match.index + match[0].length);
    const isQuoted = before.endsWith('`');
    const isLine = /(^|\n) *((\w+=\S*|echo .*\||cat .*\||printf .*\||git .*\||.*&&) *)*$/.test(
      before,
    );
    const isWhole = isQuoted || isLine || /: $/.test(before);
    const end = isQuoted
      ? /`/
      : isLine
        ? / {2,}|\n| \d?[|<>]|>\(| \(/
        : /[,;)\n`]|\.(?=[\s)]|$)| {2,}| \(| && | \|/;
    const cut = end.exec(after);
    return { words: shellWords(after.slice(0, cut?.index)), isWhole };
  });
}

/** Words as a shell makes them, with plain quotes. */
function shellWords(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
}
