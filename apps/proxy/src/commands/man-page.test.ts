import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { FLAGS } from '../flags/flags.ts';
import { recordingComposition } from '../testing/composition.ts';
import { COMMANDS } from './table.ts';

async function manual(): Promise<string> {
  const printed: string[] = [];
  const terminal = { print: (text: string) => void printed.push(text), hint: () => undefined };
  await runCommandLine(['help', '-o', 'man'], recordingComposition(), terminal);
  return printed.join('');
}

describe('signalbox(8)', () => {
  it('names every flag, every command with its flags and statuses', async () => {
    const page = await manual();
    const plain = page.replaceAll(String.raw`\-`, '-');
    expect(page).toMatch(/^\.TH SIGNALBOX 8 /);
    for (const { name } of FLAGS) expect(plain).toContain(`--${name}`);
    for (const { name, flags, statuses } of COMMANDS) {
      const [, section = ''] = plain.split(`.SS signalbox ${name}`);
      for (const flag of flags) expect(section).toContain(`--${flag.name}`);
      for (const status of Object.keys(statuses)) expect(section).toContain(`.B ${status}\n`);
    }
  });

  it('has no text line that roff interprets as a request, and no unescaped backslash', async () => {
    const page = await manual();
    const requests = page.split('\n').filter((line) => /^[.']/.test(line));
    expect(requests.filter((line) => !/^\.(?:TH|SH|SS|TP|B|BR|PP|br)\b/.test(line))).toEqual([]);
    expect(page.match(/\\(?![-e&]|\(dq)/g)).toBeNull();
  });
});
