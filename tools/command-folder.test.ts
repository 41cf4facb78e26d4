import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linkCommands, withDeclaredCommands } from './command-folder.mjs';
import { hostPackages } from './host-packages.mjs';

const held = { system: '' };
beforeEach(() => {
  held.system = mkdtempSync(path.join(tmpdir(), 'signalbox-system-'));
});
afterEach(() => rmSync(held.system, { recursive: true, force: true }));

/** A program that prints the name by which it was called, under another name besides. */
function install(name: string, alias?: string): void {
  const file = path.join(held.system, name);
  writeFileSync(file, '#!/bin/sh\necho "${0##*/}"\n');
  chmodSync(file, 0o755);
  if (alias !== undefined) symlinkSync(name, path.join(held.system, alias));
}

function output(folder: string, command: string): string | undefined {
  const { stdout, error } = spawnSync(command, [], { env: { PATH: folder }, encoding: 'utf8' });
  return error === undefined ? stdout.trim() : (error as NodeJS.ErrnoException).code;
}

const linux = describe.skipIf(process.platform !== 'linux');

linux('the folder of declared commands', () => {
  it('holds them under their own names, and no other command of the machine', () => {
    install('multi', 'iptables');
    install('undeclared');
    const { folder, remove } = linkCommands(['iptables', 'absent', '/usr/lib/library.dll'], held.system);
    const found = ['iptables', 'multi', 'undeclared', 'absent'].map((name) => output(folder, name));
    expect(found).toEqual(['iptables', 'ENOENT', 'ENOENT', 'ENOENT']);
    remove();
    expect(existsSync(path.dirname(folder))).toBe(false);
  });

  it('passes over folders and files that are no programs', () => {
    const first = path.join(held.system, 'first');
    mkdirSync(path.join(first, 'tool'), { recursive: true });
    install('tool');
    writeFileSync(path.join(first, 'other'), 'no program');
    const { folder, remove } = linkCommands(['tool', 'other'], [first, held.system].join(':'));
    expect(['tool', 'other'].map((name) => output(folder, name))).toEqual(['tool', 'ENOENT']);
    remove();
  });

  it('holds no script of a version manager, which looks for the program in the PATH again', () => {
    const shims = path.join(held.system, 'shims');
    mkdirSync(shims);
    const script = path.join(shims, 'tool');
    writeFileSync(script, '#!/usr/bin/env bash\nexec version-manager exec tool\n');
    chmodSync(script, 0o755);
    install('tool');
    const { folder, remove } = linkCommands(['tool'], [shims, held.system].join(':'));
    expect(output(folder, 'tool')).toBe('tool');
    remove();
  });
});

linux('a suite', () => {
  const context = { env: { ...process.env } };

  it('finds node, npm and what it declares, and its folder is removed when it fails', async () => {
    const seen: string[] = [];
    const suite = withDeclaredCommands('scenarios', context, ({ env }: typeof context) => {
      const search = env['PATH'] ?? '';
      seen.push(search, execFileSync('node', ['--version'], { env, encoding: 'utf8' }));
      seen.push(String(output(search, 'sh')), String(output(search, 'ls')));
      throw new Error('the suite broke');
    });
    await expect(suite).rejects.toThrow('the suite broke');
    const [folder = '', ...rest] = seen;
    expect(rest).toEqual([`${process.version}\n`, '', 'ENOENT']);
    expect(existsSync(folder)).toBe(false);
  });

  it.each(['unit', 'kernel', 'uml', 'start', 'mono', 'wine', 'bench', 'page'] as const)(
    '%s declares a package for each command',
    (suite) => {
      const entries = Object.entries(hostPackages[suite]);
      expect(entries.length).toBeGreaterThan(0);
      expect(entries.filter(([, name]) => !/^[a-z0-9][a-z0-9+.-]+$/.test(name))).toEqual([]);
    },
  );
});
