import type { LoggingSection } from '../config/types.ts';
import { createPreciseTime } from '../tracing/precise-time.ts';
import type { LogSink } from './logger.ts';

/**
 * Standard error; with split streams, all but errors to standard output. Lines leave at once. The time of day is often set after
 * the start of a node: lines after that have the new one.
 */
export function logSink(logging: LoggingSection): LogSink {
  const split = logging.options[logging.format === 'json' ? 'json' : 'text'].splitStream;
  return {
    write: (line, severity) => {
      const stream = split && severity !== 'E' ? process.stdout : process.stderr;
      stream.write(line);
    },
    now: createPreciseTime(),
    pid: process.pid,
  };
}
