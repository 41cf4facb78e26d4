/** The page in Chromium, without a window: with and without script, in both colour schemes, with the keyboard. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HOSTILE, startPageWorld } from '../src/testing/page-world.ts';
import { stopAll, type World } from '../src/testing/proxy-world.ts';

const SCREENSHOTS = fileURLToPath(new URL('../../../.cache/reports/@signalbox/proxy/page/', import.meta.url));

const state: { browser: Browser } = { browser: undefined as never };

beforeAll(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  // The tests may run as root, for which Chromium has no sandbox. It opens only the page below.
  state.browser = await chromium.launch({
    executablePath: '/usr/lib/chromium/chromium',
    chromiumSandbox: false,
  });
});
afterAll(() => state.browser.close());
afterEach(async () => {
  for (const context of state.browser.contexts()) await context.close();
  await stopAll();
});

interface Visit {
  readonly page: Page;
  /** What the browser complains about: violations of the policy, errors of scripts. */
  readonly complaints: readonly string[];
  /** Hosts that it asked. */
  readonly hosts: ReadonlySet<string>;
  readonly go: (path: string) => Promise<void>;
}

async function visit(world: World, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await state.browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  const { origin } = new URL((await world.get('metrics', '/proxyMode')).url);
  const go = async (path: string): Promise<void> => void (await page.goto(`${origin}${path}`));
  return { page, complaints, hosts, go };
}

const shot = (page: Page, name: string): Promise<unknown> =>
  page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });

describe('without script', () => {
  it('searches, filters and explains by forms, and links to Services', async () => {
    const { page, go } = await visit(await startPageWorld(), { javaScriptEnabled: false });
    await go('/');
    await page.getByLabel('Search').fill('web');
    await page.getByRole('button', { name: 'Show' }).click();
    expect(await page.getByRole('rowheader').allTextContents()).toEqual([
      expect.stringContaining('default/web'),
    ]);
    await page.getByLabel('From').fill('10.244.1.9');
    await page.getByLabel('To', { exact: true }).fill('10.96.0.10:80');
    await page.getByRole('button', { name: 'Explain' }).click();
    expect(await page.getByText('Forwarded').count()).toBe(1);
    await page.getByRole('link', { name: 'default/web' }).click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('default/web');
    expect(await page.getByText('75.0 %').count()).toBe(1);
    await shot(page, 'service');
  });
});

describe('with script', () => {
  it('shows results while one types, and keeps the address of the search', async () => {
    const { page, go, complaints } = await visit(await startPageWorld(300));
    await go('/');
    expect(await page.getByRole('rowheader').count()).toBe(100);
    await page.keyboard.press('/');
    await page.keyboard.type('many-00299');
    await page.getByText('1 of 304 Services').waitFor();
    expect(await page.getByRole('rowheader').allTextContents()).toEqual([
      expect.stringContaining('default/many-00299'),
    ]);
    await expect.poll(() => page.url()).toContain('q=many-00299');
    await page.getByLabel('Search').fill('');
    await page.getByLabel('State').selectOption('Served');
    await page.getByText('1 of 304 Services').waitFor();
    await page.getByRole('rowheader').getByText('default/web').waitFor();
    expect(complaints).toEqual([]);
  });

  it('markup in objects, in errors of the kernel and in the address does not run', async () => {
    const { page, go, complaints, hosts } = await visit(await startPageWorld());
    const hostile = encodeURIComponent(HOSTILE);
    for (const path of [
      '/',
      '/page/default/hostile',
      '/page/default/web',
      `/?q=${hostile}&from=${hostile}&to=${hostile}&state=${hostile}&page=${hostile}`,
      `/page/${hostile.replaceAll('%2F', '%252F')}/x`,
    ]) {
      await go(path);
      expect(await page.evaluate('typeof window.hacked'), path).toBe('undefined');
      expect(await page.locator('img').count(), path).toBe(0);
    }
    await go('/');
    await page.getByLabel('Search').fill(HOSTILE);
    await page.getByText('1 of 4 Services').waitFor();
    expect(await page.evaluate('typeof window.hacked')).toBe('undefined');
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([]);
    expect(hosts.size).toBe(1);
  });

  it('the policy would stop markup that was not escaped', async () => {
    const { page, go, complaints } = await visit(await startPageWorld());
    await go('/');
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement('script'), { id: 'injected' }))`,
    );
    await page
      .evaluate(`document.getElementById('injected').append('window.hacked=1')`)
      .catch(() => undefined);
    expect(await page.evaluate('typeof window.hacked')).toBe('undefined');
    await page.evaluate(
      `document.body.append(Object.assign(new Image(), { src: 'http://192.0.2.1/x.png' }))`,
    );
    await expect
      .poll(() => complaints.join('\n'))
      .toMatch(/violates the following Content Security Policy directive: "img-src/);
    expect(complaints.join('\n')).toMatch(/requires 'TrustedScript' assignment/);
  });
});

/** As WCAG 2.2 computes it, of colours as `rgb(…)`. */
const CONTRAST = `(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll('body, a, .badge, dt, .note, th')].map((element) => {
    const text = light(getComputedStyle(element).color);
    return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
  });
})()`;

/** Elements that reach beyond the right edge of the window, apart from what scrolls. */
const OUTSIDE = `[...document.querySelectorAll('body *')]
  .filter((element) => element.closest('.wide') === null || element.matches('.wide'))
  .filter((element) => element.getBoundingClientRect().right > window.innerWidth)
  .map((element) => element.outerHTML.slice(0, 80))`;

describe('colours and keyboard', () => {
  it.each(['light', 'dark'] as const)(
    '%s: every text has a contrast of at least 4.5 to 1',
    async (colorScheme) => {
      const { page, go } = await visit(await startPageWorld(), { colorScheme });
      for (const path of ['/', '/page/default/web']) {
        await go(path);
        const contrasts: number[] = await page.evaluate(CONTRAST);
        expect(contrasts.length).toBeGreaterThan(10);
        expect(Math.min(...contrasts), path).toBeGreaterThanOrEqual(4.5);
      }
      await go('/');
      await shot(page, colorScheme);
      const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(background).toBe(colorScheme === 'dark' ? 'rgb(21, 24, 28)' : 'rgb(255, 255, 255)');
    },
  );

  it('the first Tab reaches a link to the content; the focus is visible', async () => {
    const { page, go } = await visit(await startPageWorld());
    await go('/');
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toBe('Skip to content');
    expect((await page.locator(':focus').boundingBox())?.x).toBeGreaterThanOrEqual(0);
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.id')).toBe('q');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  });

  it('fits a narrow screen: only tables scroll sideways', async () => {
    const { page, go } = await visit(await startPageWorld(), { viewport: { width: 360, height: 700 } });
    for (const path of ['/', '/page/default/hostile']) {
      await go(path);
      expect(await page.evaluate(OUTSIDE), path).toEqual([]);
      expect(
        await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'),
      ).toBeLessThanOrEqual(0);
    }
    await shot(page, 'narrow');
  });

  it('is readable where objects have usual names: docs/page.png', async () => {
    const { page, go } = await visit(await startPageWorld(0, 'KUBE-SVC-7Q2BXNVTLMCSAQYO'));
    await go('/?from=10.244.1.9&to=10.96.0.10:80/tcp');
    expect(await page.getByText('KUBE-SVC-7Q2BXNVTLMCSAQYO').count()).toBeGreaterThan(0);
    await shot(page, 'documents');
  });
});
