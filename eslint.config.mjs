import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['viewer/web/vendor/**', 'node_modules/**', '.venv/**'] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'eqeqeq': 'error',
      'no-implicit-coercion': ['error', { allow: ['!!'] }],
      'no-shadow': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  { files: ['viewer/web/**/*.js'], ignores: ['viewer/web/*_worker.js'], languageOptions: { globals: globals.browser } },
  { files: ['viewer/web/*_worker.js'], languageOptions: { globals: globals.worker } },
  { files: ['evaluation/**/*.mjs', 'tests/**/*.mjs', '*.mjs'], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
