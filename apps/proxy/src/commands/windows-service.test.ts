import { backendError, fail, succeed } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { Services } from '../compose/composition.ts';
import { serviceCommand } from './windows-service.ts';

function world(answers: Partial<Services> = {}) {
  const installed: (readonly string[])[] = [];
  const services: Services = {
    install: ({ command }) => {
      installed.push(command);
      return Promise.resolve(succeed('installed'));
    },
    uninstall: () => Promise.resolve(succeed('uninstalled')),
    status: () => Promise.resolve(succeed('running')),
    ...answers,
  };
  const printed: string[] = [];
  const run = (...words: string[]) =>
    serviceCommand({
      services,
      words,
      program: ['node.exe', 'signalbox.js'],
      flags: ['--config', 'C:\\k\\conf'],
      print: (text) => printed.push(text),
    });
  return { run, installed, printed };
}

describe('signalbox windows-service', () => {
  it('F57: installs this program with --windows-service and the flags given', async () => {
    const { run, installed, printed } = world();
    expect(await run('install')).toEqual({ status: 0, errors: [] });
    expect(installed).toEqual([['node.exe', 'signalbox.js', '--windows-service', '--config', 'C:\\k\\conf']]);
    expect(printed).toEqual(['installed\n']);
  });

  it('prints the state, and removes', async () => {
    const { run, printed } = world();
    await run('status');
    await run('uninstall');
    expect(printed).toEqual(['running\n', 'uninstalled\n']);
  });

  it.each([[[]], [['restart']], [['install', 'twice']]])('%j: usage, and status 1', async (words) => {
    expect(await world().run(...words)).toEqual({ status: 1, errors: [expect.stringContaining('Usage')] });
  });

  it('an error of the manager is one line', async () => {
    const error = backendError('not-permitted', 'sc.exe create', 'service kube-proxy: exit status 5');
    const { run } = world({ install: () => Promise.resolve(fail(error)) });
    const { status, errors } = await run('install');
    expect([status, errors]).toEqual([1, [expect.stringContaining('sc.exe create: service kube-proxy')]]);
  });
});
