/**
 * Which proxy leads to a server. The rules are Go's (golang.org/x/net/http/httpproxy), because the variables
 * on nodes are written for Go programs: kubeadm puts CIDRs into NO_PROXY, which Node does not understand.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';

import type { Environment, ProxySettings } from './cluster-config.ts';

/** URL of the proxy; `null`: none. */
export function proxyFor(server: URL, settings: ProxySettings): string | null {
  if (settings.from === 'url') return settings.url;
  const name = server.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = variable(settings.env, name);
  if (proxy === '' || isExempt(server, variable(settings.env, 'NO_PROXY'))) return null;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

export function isSupportedProxy(url: string): boolean {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  return protocol === 'http:' || protocol === 'https:';
}

function variable(env: Environment, name: string): string {
  return env[name] || env[name.toLowerCase()] || '';
}

function isExempt(server: URL, list: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = server.port || (server.protocol === 'https:' ? '443' : '80');
  if (host === 'localhost' || isLoopback(host)) return true;
  const entries = list.split(',').map((entry) => entry.trim().toLowerCase());
  return entries.some((entry) => entry !== '' && exempts(entry, host, port));
}

function isLoopback(host: string): boolean {
  return host === '::1' || isIn(host, '127.0.0.0', 8);
}

function exempts(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const [network = '', prefix] = entry.split('/');
  if (prefix !== undefined) return /^\d+$/.test(prefix) && isIn(host, network, Number(prefix));
  const { name, wantedPort } = splitPort(entry);
  if (wantedPort !== '' && wantedPort !== port) return false;
  if (isIP(name) !== 0) return isIn(host, name, isIPv6(name) ? 128 : 32);
  // `.example.com` and `*.example.com` are its sub-domains, `example.com` is itself too.
  const domain = name.replace(/^\*\./, '.');
  return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function splitPort(entry: string): { readonly name: string; readonly wantedPort: string } {
  if (isIPv6(entry)) return { name: entry, wantedPort: '' };
  const found = /^(.*):(\d+)$/.exec(entry);
  const name = (found?.[1] ?? entry).replace(/^\[|\]$/g, '');
  return { name, wantedPort: found?.[2] ?? '' };
}

function isIn(host: string, network: string, prefix: number): boolean {
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  const sameFamily = isIP(host) === isIP(network) && isIP(host) !== 0;
  if (!sameFamily || prefix > (family === 'ipv6' ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return list.check(host, family);
}
