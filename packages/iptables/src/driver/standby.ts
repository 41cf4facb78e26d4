/**
 * A process started in advance: starting one takes a large Node.js process 5 ms (it is forked), of the 20 that a change takes
 * to reach the kernel. It waits for its input, and exits when that is closed: at the latest when this process exits.
 */
import type { StartedTool } from './run-tool.ts';

export interface Standby {
  /** The waiting process, or a new one. */
  take(): StartedTool;
  /** Whether a process waits. */
  isReady(): boolean;
  /** Starts a process that waits. */
  prepare(): void;
  close(): void;
}

export function createStandby(start: () => StartedTool): Standby {
  let waiting: StartedTool | null = null;
  return {
    take() {
      const tool = waiting;
      waiting = null;
      if (tool === null || isGone(tool)) return start();
      for (const part of parts(tool)) part.ref();
      return tool;
    },
    isReady: () => waiting !== null && !isGone(waiting),
    prepare() {
      if (waiting !== null && !isGone(waiting)) return;
      waiting = start();
      // The waiting process does not keep this one from exiting.
      for (const part of parts(waiting)) part.unref();
    },
    close() {
      waiting?.child?.stdin.end();
      waiting = null;
    },
  };
}

function isGone({ child, error }: StartedTool): boolean {
  return child === null || error !== null || child.exitCode !== null || child.signalCode !== null;
}

interface Referenced {
  ref(): unknown;
  unref(): unknown;
}

/** The pipes of a child are sockets, although their types do not declare it. Absent if the child could not be started. */
function parts({ child }: StartedTool): readonly Referenced[] {
  if (child === null) return [];
  const pipes = [child.stdin, child.stdout, child.stderr] as readonly unknown[];
  return [
    child,
    ...pipes.filter((pipe): pipe is Referenced => typeof (pipe as Partial<Referenced>).unref === 'function'),
  ];
}
