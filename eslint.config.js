import { defineConfig, globalIgnores } from 'eslint/config';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const noProcessEnv = {
  selector: "MemberExpression[object.name='process'][property.name='env'], MemberExpression[object.name='process'][property.value='env']",
  message: 'Only src/config.ts reads the environment.',
};
const noDefaultExport = {
  selector: 'ExportDefaultDeclaration, ExportSpecifier[exported.name="default"]',
  message: 'Export by name, so that a thing has one name everywhere.',
};
const noEnum = { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' };

// Which folder may import which is checked by a test.
export default defineConfig(
  globalIgnores(['dist/', 'src/generated/', 'sdk/python/', 'sdk/typescript/dist/', 'sdk/typescript/src/generated/', 'web/dist/', 'web/src/generated/', 'data/', 'coverage/', '.venv/']),
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-syntax': ['error', noDefaultExport, noEnum],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-imports': ['error', { paths: [{ name: 'node:process', importNames: ['env', 'default'], message: noProcessEnv.message }] }],
      'no-restricted-syntax': ['error', noDefaultExport, noEnum, noProcessEnv],
    },
  },
  { files: ['src/config.ts'], rules: { 'no-restricted-syntax': ['error', noDefaultExport, noEnum] } },
  { files: ['web/src/**/*.ts', 'web/src/**/*.tsx'], extends: [reactHooks.configs.flat['recommended-latest']], rules: { 'react-hooks/incompatible-library': 'off' } }, // no compiler here
  // Their tools want these as default exports.
  { files: ['**/*.config.ts', 'test/support/runner.ts'], rules: { 'no-restricted-syntax': ['error', noEnum] } },
);
