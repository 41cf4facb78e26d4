import { backendError, type BackendError } from '@signalbox/core';
import { restoreText, type RestoreInput } from '../encode/restore-input.ts';
import type { ToolEnd } from './run-tool.ts';

/** iptables' own status for a lock held by another process, and for a lack of resources. */
const RESOURCE_PROBLEM = 4;

export function isExit(end: ToolEnd): end is Extract<ToolEnd, { kind: 'exit' }> {
  return end.kind === 'exit';
}

/** A read-only call that failed. */
export function queryError(operation: string, end: ToolEnd): BackendError {
  return { ...toolError(operation, end), kernel: 'unchanged' };
}

/** A read-only call that succeeded with invalid output. */
export function garbageError(operation: string, problem: string): BackendError {
  return backendError('protocol', operation, problem, { kernel: 'unchanged' });
}

/** A restore that failed, with the lines of the input that the tool reports. */
export function restoreError(operation: string, end: ToolEnd, input: RestoreInput): BackendError {
  const error = toolError(operation, end);
  // A table is applied completely or not at all; with several tables, those before the failed line are applied.
  const text = restoreText(input);
  const single = text.indexOf('COMMIT\n') === text.lastIndexOf('COMMIT\n');
  const kernel = error.kernel === 'unchanged' || (single && end.kind === 'exit') ? 'unchanged' : 'unknown';
  const detail = [error.detail, offendingLines(stderrOf(end), text)].filter(Boolean).join('\n');
  return { ...error, kernel, ...(detail === '' ? {} : { detail }) };
}

const NOT_STARTED = { missing: 'unavailable', shortage: 'busy', other: 'not-permitted' } as const;

function toolError(operation: string, end: ToolEnd): BackendError {
  switch (end.kind) {
    case 'not-started':
      return backendError(NOT_STARTED[end.cause], operation, end.reason, { kernel: 'unchanged' });
    case 'timeout':
      return backendError('timeout', operation, 'did not exit within the time limit', detailOf(end.stderr));
    case 'killed':
      return backendError('unavailable', operation, `killed by ${end.signal}`, detailOf(end.stderr));
    case 'exit':
      return exitError(operation, end.status, end.stderr);
  }
}

function exitError(operation: string, status: number, stderr: string): BackendError {
  const code = exitCode(status, stderr);
  const line = firstLine(stderr);
  const message = `exit status ${status}${line === '' ? '' : `: ${line}`}`;
  return backendError(code, operation, message, detailOf(stderr));
}

function exitCode(status: number, stderr: string): BackendError['code'] {
  if (/permission denied|operation not permitted|must be root/i.test(stderr)) return 'not-permitted';
  // The nft variant uses the same status where the kernel refuses a line (`CHAIN_DEL failed`).
  if (status === RESOURCE_PROBLEM && !/^line \d+: /m.test(stderr)) return 'busy';
  return 'rejected';
}

function detailOf(stderr: string): { readonly detail?: string } {
  return stderr.trim() === '' ? {} : { detail: stderr.trim() };
}

function stderrOf(end: ToolEnd): string {
  return end.kind === 'not-started' ? '' : end.stderr;
}

/** The first line with content; the nft variant begins with a line that contains its name only. */
function firstLine(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const useful = lines.find(
    (line) => line !== '' && !line.startsWith('#') && !/^\S+ v[\d.]+ \(\w+\):$/.test(line),
  );
  return useful ?? '';
}

const AROUND = 3;

function offendingLines(stderr: string, input: string): string {
  const number = Number(/\bline:? (\d+)/i.exec(stderr)?.[1] ?? 0);
  if (number === 0) return '';
  const lines = input.split('\n');
  const from = Math.max(0, number - 1 - AROUND);
  return lines
    .slice(from, number + AROUND)
    .map((line, index) => `${from + index + 1 === number ? '>' : ' '} ${from + index + 1}: ${line}`)
    .join('\n');
}
