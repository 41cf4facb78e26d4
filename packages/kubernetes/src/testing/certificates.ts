/** Certificates for tests, made by the `openssl` command. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { ServerCertificate } from './listener.ts';

const run = promisify(execFile);

/** A certificate and its private key, PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority in a temporary folder; certificates are valid for 2 days. */
export interface TestCertificates {
  /** The authority's certificate, PEM. */
  readonly ca: string;
  readonly server: ServerCertificate;
  /** A client certificate of this common name. */
  client(name: string): Promise<KeyPair>;
  /** Deletes the temporary folder. */
  remove(): Promise<void>;
}

/** `null`: there is no openssl on this machine. The server's certificate is for 127.0.0.1 and `api.example`. */
export async function createTestCertificates(): Promise<TestCertificates | null> {
  const folder = await mkdtemp(join(tmpdir(), 'signalbox-kubernetes-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await makeAuthority(folder);
    const server = await makeSigned(folder, 'server', 'subjectAltName=IP:127.0.0.1,DNS:api.example');
    const ca = await readFile(join(folder, 'ca.crt'), 'utf8');
    return {
      ca,
      server: { ...server, clientCa: ca },
      client: (name) => makeSigned(folder, name, 'extendedKeyUsage=clientAuth'),
      remove,
    };
  } catch (error) {
    await remove();
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function makeAuthority(folder: string): Promise<void> {
  const out = ['-keyout', join(folder, 'ca.key'), '-out', join(folder, 'ca.crt')];
  await run('openssl', ['req', '-x509', ...NEW_KEY, '-days', '2', '-subj', '/CN=test-authority', ...out]);
}

async function makeSigned(folder: string, name: string, extension: string): Promise<KeyPair> {
  const at = (suffix: string): string => join(folder, `${name}.${suffix}`);
  await writeFile(at('ext'), `${extension}\n`);
  await run('openssl', ['req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr')]);
  const signer = ['-CA', join(folder, 'ca.crt'), '-CAkey', join(folder, 'ca.key'), '-CAcreateserial'];
  const files = ['-in', at('csr'), '-extfile', at('ext'), '-out', at('crt')];
  await run('openssl', ['x509', '-req', '-days', '2', ...signer, ...files]);
  const [certificate, key] = await Promise.all([readFile(at('crt'), 'utf8'), readFile(at('key'), 'utf8')]);
  return { certificate, key };
}
