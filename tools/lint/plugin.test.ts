import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MODES } from '../../apps/proxy/src/modes/index.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pinnedEnvironment, repositoryRoot, tool } from '../install.mjs';

/** A folder with the project's lint configuration and nothing else: a bad file in it does not affect the lint of the project. */
const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-lint-'));

beforeAll(() => {
  for (const name of ['.oxlintrc.json', 'tools/lint', 'apps/proxy/src/modes']) {
    cpSync(path.join(repositoryRoot, name), path.join(folder, name), { recursive: true });
  }
  symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(folder, 'node_modules'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Diagnostic {
  readonly code: string;
}

/** The rules that `source`, were it the file at `where`, breaks. */
function lint(where: string, source: string): readonly string[] {
  const file = path.join(folder, where);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, source);
  const { node, env } = pinnedEnvironment();
  const run = spawnSync(node, tool('oxlint', '--format', 'json', where), {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  rmSync(file);
  const { diagnostics } = JSON.parse(run.stdout) as { readonly diagnostics: readonly Diagnostic[] };
  return diagnostics.map(({ code }) => code.replace(/^.*\((.*)\)$/, '$1'));
}

const use = (specifier: string): string => `export { thing } from '${specifier}';\n`;
const backend = 'packages/backend-iptables/src';

describe('the boundaries between folders and packages', () => {
  it.each([
    [`${backend}/compile/x.ts`, '../driver/apply.ts'],
    [`${backend}/diff/x.ts`, 'node:fs'],
    [`${backend}/encode/x.ts`, '../testing/kernel.ts'],
    [`${backend}/compile/x.ts`, '@signalbox/backend-nftables'],
    [`${backend}/driver/x.ts`, '@signalbox/backend-nftables'],
    ['packages/backend-winvfp/src/x.ts', '@signalbox/kubernetes'],
    ['packages/core/src/x.ts', 'node:fs'],
    ['packages/core/src/x.ts', '@signalbox/netlink'],
    ['packages/core/src/x.ts', './system-clock.ts'],
    ['packages/core/src/track/x.ts', '../system-clock.ts'],
    [`${backend}/compile/x.ts`, '@signalbox/core/system-clock'],
    ['packages/iptables/src/diff/x.ts', '@signalbox/core/system-clock'],
    ['packages/netlink/src/x.ts', '@signalbox/backend-kit'],
    ['packages/iptables/src/x.ts', '@signalbox/backend-kit'],
    ['packages/iptables/src/encode/x.ts', '../driver/apply.ts'],
    ['packages/backend-ipvs/src/compile/x.ts', '@signalbox/backend-iptables'],
    ['packages/kubernetes/src/x.ts', '@signalbox/backend-iptables'],
    ['packages/manifests/src/x.ts', '@signalbox/kubernetes'],
    ['apps/proxy/src/loop.ts', '@signalbox/backend-iptables'],
    ['apps/proxy/src/compose/x.ts', '@signalbox/backend-iptables'],
  ])('%s must not import %s', (where, specifier) => {
    expect(lint(where, use(specifier))).toEqual(['no-restricted-imports']);
  });

  it.each([
    [`${backend}/compile/x.ts`, '../objects/rule.ts'],
    [`${backend}/compile/x.ts`, '@signalbox/core'],
    [`${backend}/driver/x.ts`, 'node:fs'],
    [`${backend}/sync/x.ts`, '@signalbox/core/system-clock'],
    ['packages/manifests/src/x.ts', '@signalbox/core/system-clock'],
    ['packages/iptables/src/driver/x.ts', '@signalbox/core/system-clock'],
    ['packages/backend-ipvs/src/compile/x.ts', '@signalbox/iptables'],
    ['packages/netlink/src/x.ts', '@signalbox/core'],
    ['apps/proxy/src/modes/x.ts', '@signalbox/backend-iptables'],
  ])('%s may import %s', (where, specifier) => {
    expect(lint(where, use(specifier))).toEqual([]);
  });
});

describe('the rules of plugin.mjs', () => {
  const where = 'packages/core/src/x.ts';

  it.each([
    ['let', 'let count = 0;\nexport const next = (): number => (count += 1);\n'],
    ['exported let', 'export let count = 0;\ncount += 1;\n'],
  ])('no-module-let reports a module-level %s', (_, source) => {
    expect(lint(where, source)).toContain('no-module-let');
  });

  it.each([
    ['annotated', 'export function f(on: boolean): void {\n  void on;\n}\n'],
    ['defaulted', 'export function f(on = false): void {\n  void on;\n}\n'],
  ])('no-boolean-parameter reports an %s one', (_, source) => {
    expect(lint(where, source)).toContain('no-boolean-parameter');
  });

  it.each([
    ["export const is = (mode: string): boolean => mode === 'ipvs';\n"],
    ['export const is = (mode: string): boolean => mode === `nftables`;\n'],
    ["export type Mode = 'iptables';\n"],
    ['export const is = (mode: string): boolean => /^(ipvs|nftables)$/.test(mode);\n'],
    ['export const BITS: Record<string, number> = { iptables: 1, ipvs: 2 };\n'],
    ['export interface Bits {\n  readonly userspace: number;\n  readonly kernelspace: number;\n}\n'],
    ["import { IPVS } from '../modes/ipvs.ts';\nvoid IPVS;\n"],
    [
      "export function of(mode: string): number {\n  switch (mode) {\n    case 'userspace':\n      return 1;\n    default:\n      return 2;\n  }\n}\n",
    ],
  ])('no-mode-name reports a mode by name in the app: %j', (source) => {
    expect(lint('apps/proxy/src/sync/x.ts', source)).toEqual(['no-mode-name']);
    expect(lint('apps/proxy/src/modes/x.ts', source)).toEqual([]);
  });

  it('no-mode-name is quiet about fields and texts with the name in them', () => {
    const source =
      "export const path = 'ipvs.scheduler';\nexport const of = (all: { ipvs: string }): string => all.ipvs;\n";
    expect(lint('apps/proxy/src/sync/x.ts', source)).toEqual([]);
  });

  it('no-mode-name knows every mode', () => {
    for (const { name } of MODES) {
      expect(lint('apps/proxy/src/sync/x.ts', `export const mode = '${name}';\n`)).toEqual(['no-mode-name']);
    }
  });

  it.each([
    ['export const now = (): number => Date.now();\n'],
    ['export const now = (): number => performance.now();\n'],
    ['export const now = (): Date => new Date();\n'],
    ['export const jitter = (): number => Math.random();\n'],
    ['export const later = (run: () => void): unknown => setTimeout(run, 5);\n'],
    ["import { setTimeout as wait } from 'node:timers/promises';\nexport const pause = wait;\n"],
  ])('one-clock reports time that no clock gives: %j', (source) => {
    for (const where of ['packages/backend-ipvs/src/driver/x.ts', 'apps/proxy/src/sync/x.ts']) {
      expect(lint(where, source)).toEqual(['one-clock']);
    }
    expect(lint('packages/netlink/src/x.test.ts', source)).toEqual([]);
  });

  it('one-clock is quiet about a clock, and a date that is given', () => {
    const source =
      'export const at = (clock: { now(): number }): string => new Date(clock.now()).toISOString();\n';
    expect(lint('packages/netlink/src/x.ts', source)).toEqual([]);
  });

  it.each([
    ["logger.info('started');\n", 1],
    ["parts.logger.warning('Started.', { port: 1 });\n", 1],
    ["logger.debug(2, 'asking again');\n", 1],
    ['logger.error(`request to ${place} failed`);\n', 1],
    ["logger.info('Started', { name: 'lower case.' });\n", 0],
    ['logger.error(`${place} is not usable`);\n', 0],
    ["report.error('any text.');\n", 0],
  ])('log-message reports a message without a capital or with a final stop: %j', (source, problems) => {
    const declared = 'declare const logger: any, parts: any, report: any, place: string;\n';
    const found = lint('apps/proxy/src/sync/x.ts', `${declared}${source}export {};\n`);
    expect(found.filter((rule) => rule === 'log-message')).toHaveLength(problems);
  });

  it('no-class reports a class that extends none', () => {
    const stateful = 'export class Counter {\n  count = 0;\n}\n';
    expect(lint('packages/backend-ipvs/src/diff/x.ts', stateful)).toEqual(['no-class']);
    expect(lint('apps/proxy/src/sync/x.ts', stateful)).toEqual(['no-class']);
    expect(lint('apps/proxy/src/sync/x.ts', 'export class Refused extends Error {}\n')).toEqual([]);
  });

  it('the first two are quiet about locals, constants and other types', () => {
    const source =
      'export const start = 1;\n' +
      'export function f(from: number): number {\n  let sum = start;\n  sum += from;\n  return sum;\n}\n';
    expect(lint(where, source)).toEqual([]);
  });
});
