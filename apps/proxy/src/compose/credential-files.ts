import { createPrivateKey } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { isHeaderValue, NO_HEADER_VALUE, readSmallFile, type ClusterConfig } from '@signalbox/kubernetes';
import { messageOf } from '../config/problem.ts';

type Material = NonNullable<ClusterConfig['tls']['ca']>;

interface Credential {
  /** As in the kubeconfig: `client-key`. */
  readonly field: string;
  readonly material: Material;
}

/**
 * Files that a kubeconfig names are read again whenever they are used, since they are replaced in time. One that is
 * missing or of no use at start, though, is a mistake in the kubeconfig: one line that names field and file, or `null`.
 */
export async function credentialMistake({ tls, auth }: ClusterConfig): Promise<string | null> {
  const { certificate = null, key = null } = auth.clientCertificate ?? {};
  const pairUp = async (pem: string, { field }: Credential): Promise<void> => {
    if (field === 'client-key' && certificate !== null) checkPair(await read(certificate), pem);
  };
  const given = [
    ['certificate-authority', tls.ca],
    ['client-certificate', certificate],
    ['client-key', key],
    ['tokenFile', auth.tokenFile === null ? null : ({ from: 'file', path: auth.tokenFile } as const)],
  ] as const;
  const credentials = given.flatMap(([field, material]) => (material === null ? [] : [{ field, material }]));
  return (
    (await firstMistake(credentials, refuseEmpty)) ??
    (await firstMistake(credentials, parse)) ??
    commandMistake(auth.exec) ??
    (await firstMistake(credentials, pairUp))
  );
}

function refuseEmpty(text: string): void {
  if (text.trim() === '') throw new Error('it is empty');
}

/** A credential plugin that is not on this machine; one that is there may fail now and work later. */
function commandMistake(exec: ClusterConfig['auth']['exec']): string | null {
  if (exec === null || process.platform === 'win32') return null;
  const { command, inherit, installHint } = exec;
  const folders = command.includes('/') ? [''] : (inherit['PATH'] ?? '').split(delimiter);
  const isThere = folders.some((folder) => isExecutable(folder === '' ? command : join(folder, command)));
  if (isThere) return null;
  const hint = installHint.split('\n')[0] ?? '';
  return [`exec.command: ${command}: there is no such program`, hint].filter(Boolean).join('; ');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `check` throws. */
async function firstMistake(
  credentials: readonly Credential[],
  check: (text: string, credential: Credential) => void | Promise<void>,
): Promise<string | null> {
  for (const credential of credentials) {
    const { field, material } = credential;
    try {
      await check(await read(material), credential);
    } catch (error) {
      const where = material.from === 'file' ? `${field}: ${material.path}` : `${field}-data`;
      return `${where}: ${messageOf(error)}`;
    }
  }
  return null;
}

function read(material: Material): Promise<string> {
  return material.from === 'data' ? Promise.resolve(material.pem) : readSmallFile(material.path);
}

function parse(pem: string, { field }: Credential): void {
  if (field === 'tokenFile') {
    if (!isHeaderValue(pem.trim())) throw new Error(NO_HEADER_VALUE);
    return;
  }
  const isKey = field === 'client-key';
  try {
    if (isKey) createPrivateKey(pem);
    else createSecureContext({ cert: pem });
  } catch (error) {
    throw new Error(`it is no ${isKey ? 'private key' : 'certificate'} in PEM (${messageOf(error)})`, {
      cause: error,
    });
  }
}

function checkPair(cert: string, key: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new Error(`it does not belong to the client-certificate (${messageOf(error)})`, { cause: error });
  }
}
