/** From the text of the field `mode` to a mode. */
import type { KubeProxyConfiguration, Platform } from '../config/types.ts';
import { didYouMean } from '../flags/nearest.ts';
import type { ProxyMode } from './proxy-mode.ts';

export interface ModeChoice {
  readonly platform: Platform;
  readonly modes: readonly ProxyMode[];
}

function defaultMode({ platform, modes }: ModeChoice): ProxyMode {
  const mode = modes.find((each) => each.platform === platform);
  if (mode === undefined) throw new RangeError(`no proxy mode for ${platform}`);
  return mode;
}

/** The mode of this name, on whatever platform; the platform's default for blank and for a name that there is not. */
export function chooseMode(choice: ModeChoice, { mode }: Pick<KubeProxyConfiguration, 'mode'>): ProxyMode {
  return choice.modes.find(({ name }) => name === mode) ?? defaultMode(choice);
}

/** Why the mode cannot run here; `null` when it can. Blank means the platform's default. */
export function checkMode({ platform, modes }: ModeChoice, mode: string): string | null {
  if (mode === '') return null;
  const supported = modes.filter((each) => each.platform === platform).map(({ name }) => name);
  if (supported.includes(mode)) return null;
  return `must be one of ${supported.join(', ')} or blank, on ${platform}${didYouMean(mode, supported)}`;
}

/** For the help text of the flag: `Linux: iptables (default), ipvs. Windows: kernelspace.` */
export function describeModes(modes: readonly ProxyMode[]): string {
  const list = (platform: Platform): string => {
    const names = modes.filter((each) => each.platform === platform).map(({ name }) => name);
    return names.length === 1 ? names.join() : [`${names[0]} (default)`, ...names.slice(1)].join(', ');
  };
  return `Linux: ${list('linux')}. Windows: ${list('windows')}.`;
}
