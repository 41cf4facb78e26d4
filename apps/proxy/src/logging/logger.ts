/** Log lines in klog's two formats: its text header, and one JSON object a line. */
import type { VmoduleItem } from '../config/kinds.ts';
import { escapeControls, escapeLines } from './escape.ts';

type LogValues = Readonly<Record<string, unknown>>;

export interface Logger {
  info(message: string, values?: LogValues): void;
  warning(message: string, values?: LogValues): void;
  /** `err` in values: the exception or text of what went wrong. */
  error(message: string, values?: LogValues): void;
  /** Written only with at least this verbosity. Levels that users rely on: 2 syncs, 4 events, 9 payloads. */
  debug(level: number, message: string, values?: LogValues): void;
  enabled(level: number): boolean;
  /** The same log for another part of the program; `--vmodule` matches its name. */
  component(name: string): Logger;
}

export interface LogSettings {
  readonly format: string;
  readonly verbosity: number;
  readonly vmodule: readonly VmoduleItem[];
}

export interface LogSink {
  /** A whole line, with its newline. */
  write(line: string, severity: Severity): void;
  now(): number;
  readonly pid: number;
}

type Severity = 'I' | 'W' | 'E';

export interface Logging {
  readonly logger: Logger;
  /** Takes effect at once, everywhere. */
  configure(settings: LogSettings): void;
  settings(): LogSettings;
}

export function createLogging(initial: LogSettings, sink: LogSink): Logging {
  let current = initial;
  const verbosityOf = (name: string): number => {
    const own = current.vmodule.find(({ filePattern }) => globMatches(filePattern, name));
    return own?.verbosity ?? current.verbosity;
  };
  const component = (name: string): Logger => {
    const write = (severity: Severity, level: number, entry: Entry): void => {
      const line = current.format === 'json' ? jsonLine : textLine;
      sink.write(line({ ...entry, severity, level, name, time: sink.now(), pid: sink.pid }), severity);
    };
    const enabled = (level: number): boolean => level <= verbosityOf(name);
    return {
      info: (message, values = {}) => write('I', 0, { message, values }),
      warning: (message, values = {}) => write('W', 0, { message, values }),
      error: (message, values = {}) => write('E', 0, { message, values }),
      debug: (level, message, values = {}) => {
        if (enabled(level)) write('I', level, { message, values });
      },
      enabled,
      component,
    };
  };
  return {
    logger: component('signalbox'),
    configure: (settings) => {
      current = settings;
    },
    settings: () => current,
  };
}

interface Entry {
  readonly message: string;
  readonly values: LogValues;
}

interface FullEntry extends Entry {
  readonly severity: Severity;
  readonly level: number;
  readonly name: string;
  readonly time: number;
  readonly pid: number;
}

/** `I0102 15:04:05.000000    4242 sync-loop.ts:1] "Synced" family="IPv4"`; line 1 is klog's word for "not known". */
function textLine(entry: FullEntry): string {
  const at = new Date(entry.time);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = two(at.getMonth() + 1) + two(at.getDate());
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const micros = String(Math.floor((entry.time % 1000) * 1000)).padStart(6, '0');
  const { err, ...values } = entry.values;
  const pairs = Object.entries(err === undefined ? values : { err: textOf(err), ...values });
  const tail = pairs.map(([key, value]) => ` ${keyText(key)}=${valueText(value)}`).join('');
  const header = `${entry.severity}${day} ${clock}.${micros} ${String(entry.pid).padStart(7)} ${entry.name}.ts:1]`;
  // klog quotes the message of a structured line, and leaves a plain one as it is.
  const message =
    pairs.length === 0 ? escapeControls(entry.message.replaceAll('\n', ' ')) : quoted(entry.message);
  return `${header} ${message}${tail}\n`;
}

function quoted(text: string): string {
  return escapeControls(JSON.stringify(text));
}

function keyText(key: string): string {
  return /^[\w.-]+$/.test(key) ? key : quoted(key);
}

/** Several lines (a stack, rules) are set off as klog does, so that they can be read; none begins like a log line. */
function valueText(value: unknown): string {
  if (typeof value !== 'string') return escapeControls(JSON.stringify(value) ?? String(value));
  return value.includes('\n') ? `<\n\t${escapeLines(value).replaceAll('\n', '\n\t')}\n >` : quoted(value);
}

function jsonLine(entry: FullEntry): string {
  const { err, ...values } = entry.values;
  const line = JSON.stringify({
    ts: entry.time,
    caller: `${entry.name}.ts:1`,
    msg: entry.message,
    ...(entry.severity === 'E' ? {} : { v: entry.level }),
    ...(err === undefined ? {} : { err: textOf(err) }),
    ...values,
  });
  return `${escapeControls(line)}\n`;
}

function textOf(error: unknown): string {
  if (error instanceof Error) return error.stack ?? error.message;
  return typeof error === 'string' ? error : (JSON.stringify(error) ?? String(error));
}

/** `*`, `?`, `[a-z]` and `[^a-z]`, as Go's filepath.Match; a pattern that is none matches nothing. */
function globMatches(pattern: string, name: string): boolean {
  const source = pattern.replace(/\[\^?[^\]\\]+\]|[*?]|[^\w]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    return part.length > 1 ? part : String.raw`\u${part.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  try {
    return new RegExp(`^${source}$`).test(name);
  } catch {
    return false;
  }
}
