/** Checks of single fields: what is wrong with a value, in words that follow the field or flag and its value. */
import { NODE_PORT_WORDS } from '@signalbox/core';
import { KUBERNETES_MINOR } from '../version/version.ts';
import { checkFeatureGate } from './feature-gates.ts';
import { NO_SERVER, parseAddress, parseAddressPort, parseCidr } from './ip.ts';
import type { VmoduleItem } from './kinds.ts';

type Check<T> = (value: T) => readonly string[];

const unless = (holds: boolean, reason: string): readonly string[] => (holds ? [] : [reason]);

export const within =
  (min: number, max: number): Check<number> =>
  (value) =>
    unless(value >= min && value <= max, `must be within the range [${min}, ${max}]`);

export const MASQUERADE_BIT = within(0, 31);

export const nonNegative: Check<number> = (value) => unless(value >= 0, 'must be non-negative');

export const atLeastZero: Check<number> = (value) => unless(value >= 0, 'must be greater than or equal to 0');

export const positive: Check<number> = (value) => unless(value > 0, 'must be greater than 0');

export const gates: Check<Record<string, boolean>> = (value) =>
  Object.entries(value).flatMap(([name, enabled]) => checkFeatureGate(name, { enabled }) ?? []);

export const logFormat: Check<string> = (value) =>
  unless(value === 'text' || value === 'json', 'unsupported log format, must be text or json');

export const modulePatterns: Check<VmoduleItem[]> = (items) =>
  items
    .filter(({ filePattern }) => filePattern === '' || /[=,]/.test(filePattern))
    .map(({ filePattern }) => `file pattern ${quote(filePattern)} must not be empty or contain "=" or ","`);

export const address: Check<string> = (value) =>
  unless(parseAddress(value) !== null, 'not a valid textual representation of an IP address');

/** Empty is what `--healthz-port=0` leaves: no server. */
export const serverAddress: Check<string> = (value) => {
  const parsed = value === '' || value === NO_SERVER ? null : parseAddressPort(value);
  return typeof parsed === 'string' ? [parsed] : [];
};

/** The reason for which a text that should be a CIDR is rejected. */
export function notCidr(text: string): string {
  return `${text} is not a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)`;
}

export const cidrs: Check<string[]> = (items) =>
  items.filter((item) => parseCidr(item) === null).map(notCidr);

export const nodePortAddresses: Check<string[]> = (items) => {
  const words = NODE_PORT_WORDS.map(quote).join(', ');
  return items
    .filter((item) => !NODE_PORT_WORDS.includes(item) && parseCidr(item) === null)
    .map((item) => `${quote(item)} must be a valid CIDR, or one of ${words}`);
};

export const hiddenMetricsVersion: Check<string> = (version) => {
  const previous = `1.${KUBERNETES_MINOR - 1}`;
  return unless(
    version === '' || version === previous,
    `must be empty or the previous minor version, ${previous}`,
  );
};

const DETECT_LOCAL_MODES = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'];

export const detectLocalMode: Check<string> = (mode) =>
  unless(
    mode === '' || DETECT_LOCAL_MODES.includes(mode),
    `must be one of ${DETECT_LOCAL_MODES.join(', ')} or blank`,
  );

function quote(text: string): string {
  return JSON.stringify(text);
}
