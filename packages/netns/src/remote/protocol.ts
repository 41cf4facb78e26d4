/** Messages between the two processes; sent as structured clones, so that maps and sets arrive as such. */
export interface RemoteCall {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface RemoteAnswer {
  readonly id: number;
  readonly value?: unknown;
  /** The call threw. */
  readonly error?: unknown;
}
