/** One namespace of the world, for use in a test. */
import type { Protocol } from '@signalbox/core';
import { startAgent, type AgentClient } from './agent-client.ts';
import type { Attempt, ConnectRequest, Socket } from './agent/protocol.ts';
import { inNamespace } from './commands.ts';

export interface Host {
  readonly name: string;
  /** The name in `ip netns`. */
  readonly namespace: string;
  /** The command line that runs what follows it in this namespace. */
  readonly prefix: readonly string[];
  readonly addresses: readonly string[];
  /** Starts to answer there (see `Echo`); a second call has no effect. */
  listen(protocol: Protocol, at: Socket): Promise<void>;
  /** Opens connections, all at once. */
  connect(request: Omit<ConnectRequest, 'op'>): Promise<readonly Attempt[]>;
  /** Stops all listeners. */
  forgetListeners(): Promise<void>;
  /** Ends its agent. */
  close(): void;
}

export function createHost(name: string, namespace: string, addresses: readonly string[]): Host {
  const prefix = inNamespace(namespace);
  const held: { agent: AgentClient | null } = { agent: null };
  const agent = (): AgentClient => (held.agent ??= startAgent(prefix));
  return {
    name,
    namespace,
    prefix,
    addresses,
    async listen(protocol, at) {
      await agent().ask({ op: 'listen', protocol, at });
    },
    connect: (request) => agent().ask({ op: 'connect', ...request }),
    async forgetListeners() {
      if (held.agent !== null) await held.agent.ask({ op: 'forget' });
    },
    close() {
      held.agent?.close();
      held.agent = null;
    },
  };
}
