import { completeSettings, type Surroundings } from '../config/complete.ts';
import type { Settings } from '../config/settings.ts';
import { parseFlags } from '../flags/parse.ts';
import { MODES } from '../modes/index.ts';

export const AROUND: Surroundings = {
  platform: 'linux',
  modes: MODES,
  hostName: 'Node-A',
  readFile: () => {
    throw new Error('no file');
  },
};

/** The settings of a command line; throws what is wrong with it. */
export function settingsOf(argv: readonly string[], around: Partial<Surroundings> = {}): Settings {
  const parsed = parseFlags(argv);
  if (!parsed.ok) throw new Error(parsed.error);
  const completed = completeSettings(parsed.value.flags, { ...AROUND, ...around });
  if (!completed.ok) throw new Error(completed.error.join('\n'));
  return completed.value;
}

export function settingsOfFile(
  body: string,
  argv: readonly string[] = [],
  around: Partial<Surroundings> = {},
): Settings {
  const text = `apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n${body}`;
  return settingsOf(['--config=/config.conf', ...argv], { readFile: () => text, ...around });
}
