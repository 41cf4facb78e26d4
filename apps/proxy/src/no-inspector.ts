/**
 * SIGUSR1, which log rotation sends to many daemons, makes Node.js open its inspector: code execution for every user of the
 * node, on a port of 127.0.0.1. A handler of the program replaces that of Node.js. A signal that arrived before this line
 * opens the inspector a moment later, so what is open without having been asked for is closed. Windows has no such signal:
 * another process of the same user or of an administrator starts a thread in this one, and no handler takes its place. There
 * an open inspector is closed within 250 ms. The flag --disable-sigusr1 (Node.js 22.14), with which the image, the Windows
 * service and start.cmd start, leaves no such moment.
 */
import inspector from 'node:inspector';

const OPTIONS = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')];
const asked = OPTIONS.some((option) => /^--inspect(-brk|-wait)?(=|$)/.test(option));

function closeInspector(): void {
  if (!asked && inspector.url() !== undefined) inspector.close();
}

process.on('SIGUSR1', () => undefined);
closeInspector();
setImmediate(closeInspector);
if (process.platform === 'win32' && !OPTIONS.includes('--disable-sigusr1')) {
  // oxlint-disable-next-line signalbox/one-clock -- this module is first, and imports nothing that takes time to load
  setInterval(closeInspector, 250).unref();
}
