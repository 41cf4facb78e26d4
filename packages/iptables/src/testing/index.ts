/** A fake iptables and the traversal of typed rules by packets, for every mode that uses rules. */
export * from './fake-iptables.ts';
export * from './faulty-driver.ts';
export * from './fake-kernel.ts';
export * from './match-packet.ts';
export * from './trace-packet.ts';
export * from './traverse.ts';
