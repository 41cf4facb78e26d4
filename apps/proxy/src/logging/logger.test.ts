import { describe, expect, it } from 'vitest';
import { createLogging, type LogSettings } from './logger.ts';

function world(settings: Partial<LogSettings> = {}) {
  const lines: string[] = [];
  const time = new Date(2026, 0, 2, 15, 4, 5, 678).getTime();
  const sink = { write: (line: string) => void lines.push(line), now: () => time + 0.25, pid: 42 };
  const logging = createLogging({ format: 'text', verbosity: 0, vmodule: [], ...settings }, sink);
  return { logging, log: logging.logger.component('sync-loop'), lines, time };
}

describe('log lines', () => {
  it("F171: text has klog's header, quoted messages and pairs", () => {
    const { log, lines } = world();
    log.info('Synced', { family: 'IPv4', count: 3, list: ['a'] });
    log.warning('Odd "thing"', { x: true });
    log.error('Failed', { err: 'why' });
    expect(lines).toEqual([
      'I0102 15:04:05.678250      42 sync-loop.ts:1] "Synced" family="IPv4" count=3 list=["a"]\n',
      'W0102 15:04:05.678250      42 sync-loop.ts:1] "Odd \\"thing\\"" x=true\n',
      'E0102 15:04:05.678250      42 sync-loop.ts:1] "Failed" err="why"\n',
    ]);
  });

  it('F64 F171: a message without values stands as it is', () => {
    const { log, lines } = world();
    log.info('FLAG: --v="2"');
    expect(lines[0]).toBe('I0102 15:04:05.678250      42 sync-loop.ts:1] FLAG: --v="2"\n');
  });

  it('F171: JSON has ts, v and msg; errors have err and no v', () => {
    const { log, lines, time } = world({ format: 'json', verbosity: 2 });
    log.debug(2, 'Synced', { family: 'IPv4' });
    log.error('Failed', { err: 'why' });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { ts: time + 0.25, caller: 'sync-loop.ts:1', msg: 'Synced', v: 2, family: 'IPv4' },
      { ts: time + 0.25, caller: 'sync-loop.ts:1', msg: 'Failed', err: 'why' },
    ]);
  });

  it('F51: -v decides which lines are written, at once when it changes', () => {
    const { logging, log, lines } = world({ verbosity: 2 });
    log.debug(2, 'two');
    log.debug(4, 'four');
    logging.configure({ ...logging.settings(), verbosity: 4 });
    log.debug(4, 'four again');
    expect(lines.map((line) => line.trim().split('] ')[1])).toEqual(['two', 'four again']);
  });

  it('F52: --vmodule raises parts of the program by pattern', () => {
    const { logging, lines } = world({ vmodule: [{ filePattern: 'sync*', verbosity: 5 }] });
    logging.logger.component('sync-loop').debug(5, 'a');
    logging.logger.component('controller').debug(1, 'b');
    expect(lines).toHaveLength(1);
  });

  it.each([
    ['sync-loop', true],
    ['sync-????', true],
    ['[r-t]ync*', true],
    ['[^a]*', true],
    ['[^s]*', false],
    ['sync.loop', false],
    ['sync', false],
    ['[a', false],
    ['*(', false],
    ['\\\\', false],
    ['[z-a]', false],
    ['–', false],
  ])('F52: pattern %j matches sync-loop: %j; one that is none matches nothing', (filePattern, matches) => {
    const { log, lines } = world({ vmodule: [{ filePattern, verbosity: 5 }] });
    log.debug(5, 'a');
    expect(lines).toHaveLength(matches ? 1 : 0);
  });

  const HOSTILE = 'a\r\u001b[2K\u0000\u007f\u009b1A\u2028I0102 forged\u202eb\u2066c\ufeff';
  const ESCAPED = String.raw`a\r\u001b[2K\u0000\u007f\u009b1A\u2028I0102 forged\u202eb\u2066c\ufeff`;

  it('F171: control characters are escaped in messages, keys and values, so that no text forges a line', () => {
    const { log, lines } = world();
    log.info(HOSTILE);
    log.info(`${HOSTILE}\nI0102 forged`);
    log.warning(HOSTILE, { [HOSTILE]: HOSTILE, list: [HOSTILE], 'a b': 1 });
    log.error('Failed', { err: new Error(`${HOSTILE}\nI0102 15:04:05 forged`) });
    const header = (severity: string): string => `${severity}0102 15:04:05.678250      42 sync-loop.ts:1] `;
    expect(lines.slice(0, 3)).toEqual([
      `${header('I')}${ESCAPED}\n`,
      `${header('I')}${ESCAPED} I0102 forged\n`,
      `${header('W')}"${ESCAPED}" "${ESCAPED}"="${ESCAPED}" list=["${ESCAPED}"] "a b"=1\n`,
    ]);
    const [first, ...more] = (lines[3] ?? '').split('\n');
    expect(first).toBe(`${header('E')}"Failed" err=<`);
    expect(more.every((line) => /^(\t| >|$)/.test(line))).toBe(true);
    expect(more.join('')).toContain(ESCAPED);
  });

  it('F171: control characters are escaped in JSON, too, and read back as they were', () => {
    const { log, lines } = world({ format: 'json' });
    log.info(HOSTILE, { [HOSTILE]: [HOSTILE], err: HOSTILE });
    expect(lines[0]?.trimEnd()).toMatch(/^[ -~]+$/);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: HOSTILE, err: HOSTILE, [HOSTILE]: [HOSTILE] });
  });

  it('F138 F172: several lines are set off so that a stack or rules can be read', () => {
    const { log, lines } = world();
    log.error('Failed', { err: 'first\nsecond' });
    expect(lines[0]).toContain('err=<\n\tfirst\n\tsecond\n >');
  });
});
