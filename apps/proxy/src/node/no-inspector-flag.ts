/**
 * For Node.js processes that this program starts or installs. Without it SIGUSR1 opens the inspector of Node.js to every user of
 * the node (no-inspector.ts). Earlier versions do not start with it: Node.js 20 has no such flag.
 */
export const NO_INSPECTOR: readonly string[] = ['--disable-sigusr1'].filter((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);
