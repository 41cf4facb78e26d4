/** What the test of many open connections has in processes of their own, each with its own open files. */
import type { ConnectionCounts } from '../driver/userspace-driver.ts';

export interface RemoteProxy {
  /** Serves one endpoint at 127.0.0.1; the outcome of the sync. */
  serve(port: number, endpointPort: number): Promise<string>;
  capacity(): Promise<number>;
  counts(): Promise<ConnectionCounts>;
}

/** Clients, and the endpoint that sends back what it receives. */
export interface RemoteClients {
  /** The port of the endpoint. */
  listen(): Promise<number>;
  /** Connects; the connections stay open. How many have carried a byte to the endpoint and back. */
  open(port: number, connections: number): Promise<number>;
  /** Sends a byte through each open connection: how many came back. */
  use(): Promise<number>;
  closeAll(): Promise<void>;
}
