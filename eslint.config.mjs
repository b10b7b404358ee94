/** Rules beyond what the compiler checks; format is prettier's. */
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'node_modules/',
      'coverage/',
      'engine/kernels/wasm/assembly/',
      'package/templates/',
    ],
  },
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'separate-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      // An interface may ask for a promise that one implementation has at once.
      '@typescript-eslint/require-await': 'off',
      'no-console': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-len': 'off',
    },
  },
  {
    // Private is `#name`, which JavaScript keeps; constructors have no such form.
    files: [
      'engine/**/*.ts',
      'worker/**/*.ts',
      'scripts/**/*.ts',
      'tests/**/*.ts',
      'web/**/*.ts',
      'package/**/*.ts',
    ],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            ':matches(PropertyDefinition, TSAbstractPropertyDefinition, TSAbstractMethodDefinition, MethodDefinition[kind!="constructor"])[accessibility=/^(private|protected)$/]',
          message: 'Write #name instead of private or protected.',
        },
        {
          selector: 'TSParameterProperty',
          message: 'Declare the field and assign it: parameter properties are not erasable.',
        },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
  },
);
