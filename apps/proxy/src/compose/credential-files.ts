import { readFileSync } from 'node:fs';
import type { ClusterConfig } from '@signalbox/kubernetes';
import { messageOf } from '../config/render.ts';

/**
 * Files that a kubeconfig names are read again whenever they are used, since they are replaced in time. One that is
 * missing at start, though, is a mistake in the kubeconfig: one line, or `null`.
 */
export function unreadableCredential({ tls, auth }: ClusterConfig): string | null {
  const { certificate = null, key = null } = auth.clientCertificate ?? {};
  const paths = [tls.ca, certificate, key].map((each) => (each?.from === 'file' ? each.path : null));
  for (const path of [...paths, auth.tokenFile]) {
    const problem = path === null ? null : whyUnreadable(path);
    if (problem !== null) return problem;
  }
  return null;
}

function whyUnreadable(path: string): string | null {
  try {
    readFileSync(path);
    return null;
  } catch (error) {
    return `${path}: ${messageOf(error)}`;
  }
}
