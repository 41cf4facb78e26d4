/** promtool accepts the alerts of deploy/observability, and they fire when they should. It uses no kernel; the suite has the programs of the machine. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';

const FOLDER = path.resolve(import.meta.dirname, '../../../deploy/observability');
const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-alerts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The file of rules that the Prometheus Operator makes of the object: its `spec`. */
function writeRules(change: (text: string) => string = (text) => text): void {
  const object = readFileSync(path.join(FOLDER, 'prometheus-rule.yaml'), 'utf8');
  const spec = object.slice(object.indexOf('\n  groups:') + 1).replaceAll(/^ {2}/gm, '');
  writeFileSync(path.join(folder, 'rules.yaml'), change(spec));
  copyFileSync(path.join(FOLDER, 'prometheus-rule.test.yaml'), path.join(folder, 'test.yaml'));
}

function promtool(...words: readonly string[]): string {
  return execFileSync('promtool', words, { cwd: folder, encoding: 'utf8', stdio: 'pipe', timeout: 60_000 });
}

it('promtool accepts the alerts', () => {
  writeRules();
  expect(promtool('check', 'rules', 'rules.yaml')).toContain('SUCCESS');
});

it('each alert fires for its series and for no other', () => {
  writeRules();
  expect(promtool('test', 'rules', 'test.yaml')).toContain('SUCCESS');
});

it('the tests fail for an alert that fires too early', () => {
  writeRules((text) => text.replace('for: 5m', 'for: 1m'));
  expect(() => promtool('test', 'rules', 'test.yaml')).toThrow('FAILED');
});
