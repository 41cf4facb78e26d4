/** The kube-proxy release whose behaviour this program has, and the version of Signalbox. */
export const KUBERNETES_MINOR = 36;
const KUBERNETES_VERSION = `v1.${KUBERNETES_MINOR}.0`;
export const SIGNALBOX_VERSION = '0.1.0';

export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  readonly signalboxVersion: string;
  readonly runtimeVersion: string;
  readonly platform: string;
}

/** `override` is the value of `--version=vX.Y.Z`, which changes only what is reported. */
export function versionInfo(override: string | null): VersionInfo {
  return {
    major: '1',
    minor: String(KUBERNETES_MINOR),
    gitVersion: override ?? KUBERNETES_VERSION,
    signalboxVersion: SIGNALBOX_VERSION,
    runtimeVersion: `Node.js ${process.version}`,
    platform: `${process.platform}/${process.arch}`,
  };
}
