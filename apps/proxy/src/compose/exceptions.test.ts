import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { reportExceptions } from './exceptions.ts';

describe('uncaught exceptions', () => {
  it.each(['uncaughtException', 'unhandledRejection'])('F138: %s is logged with its stack', (event) => {
    const lines: string[] = [];
    const sink = { write: (line: string) => lines.push(line), now: () => 0, pid: 1 };
    const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
    const process = new EventEmitter();
    reportExceptions(process, logger);
    process.emit(event, new Error('not my day'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^E.*continuing" err=<\n\tError: not my day\n\t +at .*exceptions\.test\.ts/);
  });
});
