import type { IpvsDriver } from '../driver/ipvs-driver.ts';

/** Methods that answer with a promise. */
export type DriverMethod = Exclude<keyof IpvsDriver, 'kernelRelease' | 'watch' | 'close'>;

/** Messages between processes; sent as structured clones, so maps and sets arrive as such. */
export interface DriverCall {
  readonly id: number;
  readonly method: DriverMethod;
  readonly args: readonly unknown[];
}

export interface DriverAnswer {
  readonly id: number;
  readonly value: unknown;
}
