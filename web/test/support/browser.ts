import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, expect, inject, test } from 'vitest';
import { removeFolder, temporaryFolder } from '../../../test/support/child.ts';
import { CHROMIUM_ARGS } from './chromium.ts';

// A real Chromium before the real server. Whatever a page does, it must not complain in its console, fail, break its
// own Content-Security-Policy, or ask any other host for anything: that is checked after every visit.

/** A test that needs Chromium. */
export const browserTest = inject('chromium') === undefined ? test.skip : test;

type Running = { browser: Browser; stop: () => Promise<void> };
let running: Promise<Running> | undefined;

async function launch(): Promise<Running> {
  const folder = await temporaryFolder('chromium');
  const browser = await chromium.launch({ executablePath: inject('chromium')!, args: CHROMIUM_ARGS, env: { PATH: process.env['PATH'] ?? '', HOME: folder } });
  return {
    browser,
    stop: async () => {
      await browser.close();
      await removeFolder(folder);
    },
  };
}

afterAll(async () => (await running)?.stop());

export type VisitOptions = BrowserContextOptions & {
  /** The path to open. Default: /sessions. */
  path?: string;
  /** Complaints that this visit is to make: a server that goes away, a refused login. */
  expected?: RegExp;
};

type Access = { url: string; key?: string };

/** Opens the dashboard with a key, as the first start's link does, and looks at what it did when the visit is over. */
export async function visit<T>({ url, key }: Access, { path = '/sessions', expected, ...options }: VisitOptions, look: (page: Page, context: BrowserContext) => Promise<T>): Promise<T> {
  const { browser } = await (running ??= launch());
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  context.on('page', (page) => {
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  });
  context.on('request', (request) => {
    if (new URL(request.url()).origin !== url) elsewhere.push(request.url());
  });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    await page.goto(`${url}${path}${key === undefined ? '' : `#key=${key}`}`);
    const result = await look(page, context);
    expect(complaints.filter((complaint) => !expected?.test(complaint))).toEqual([]);
    expect(elsewhere).toEqual([]);
    return result;
  } finally {
    await context.close();
  }
}

/** The names of the sessions in sight, from the top. */
export const namesInSight = (page: Page) => page.locator('.table-body .row-link').allInnerTexts();

/** Resolves when the page's subscriptions are live. */
export const whenLive = (page: Page) => page.locator('.nav-foot .connection[data-state=live]').waitFor({ state: 'attached' });
