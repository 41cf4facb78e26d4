import type { EventEmitter } from 'node:events';
import type { Logger } from '../logging/logger.ts';

/**
 * An uncaught exception is a fault of one part of Signalbox: it is logged with its stack, and the rest goes on.
 * A sync that does not happen for it shows on /healthz, as any other that fails.
 */
export function reportExceptions(process: EventEmitter, logger: Logger): void {
  process.on('uncaughtException', (error: unknown) => {
    logger.error('Unhandled exception; continuing', { err: error });
  });
  process.on('unhandledRejection', (reason: unknown) => {
    logger.error('Unhandled promise rejection; continuing', { err: reason });
  });
}
