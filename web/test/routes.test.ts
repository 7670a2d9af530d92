import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PAGES } from '../../src/http/dashboard.ts';

it('the server answers each path that the page has, and no other', () => {
  // As text: to import the routes is to import the whole page, which needs a browser.
  const routes = readFileSync(new URL('../src/routes.tsx', import.meta.url), 'utf8');
  const paths = Array.from(routes.matchAll(/\bpath: '([^']+)'/g), ([, path]) => path!.replace(/\$(\w+)/g, ':$1'));
  expect(paths.length).toBe(routes.match(/\bcreateRoute\(/g)?.length);
  expect(paths.sort()).toEqual([...PAGES].sort());
});
