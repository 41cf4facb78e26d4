import { describe, expect, it } from 'vitest';
import { failedProjects } from './targets.mjs';

describe('the projects that nx says have failed', () => {
  it('are found with and without colours, and only for the target asked for', () => {
    const output = [
      '\u001B[2mFailed tasks:\u001B[22m',
      '',
      '\u001B[2m-\u001B[22m @signalbox/netlink:build',
      '- @signalbox/core:build',
      '- @signalbox/core:typecheck',
    ].join('\n');
    expect(failedProjects(output, 'build')).toEqual(['@signalbox/netlink', '@signalbox/core']);
  });
});
