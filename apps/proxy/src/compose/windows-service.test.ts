import { describe, expect, it } from 'vitest';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';
import { wantsWindowsService } from './windows-service.ts';

describe('running as a Windows service', () => {
  it.each([
    ['by the field of the file', settingsOfFile('windowsRunAsService: true\n'), true],
    ['by flag', settingsOf(['--windows-service']), true],
    ['by flag beside a file', settingsOfFile('mode: ""\n', ['--windows-service']), true],
    ['not unless asked for', settingsOf([]), false],
  ])('F57 F74: %s', (_, settings, wanted) => {
    expect(wantsWindowsService(settings, 'win32')).toBe(wanted);
  });

  it('F57 F74: is refused by flag on another system; the field has no effect there', () => {
    expect(wantsWindowsService(settingsOf(['--windows-service']), 'linux')).toContain('only on Windows');
    expect(wantsWindowsService(settingsOfFile('windowsRunAsService: true\n'), 'linux')).toBe(false);
  });
});
