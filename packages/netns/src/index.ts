export * from './addresses.ts';
export type { Attempt, ConnectRequest, Echo, Socket } from './agent/protocol.ts';
export { sweep } from './cleanup.ts';
export { runCommand } from './commands.ts';
export type { Host } from './host.ts';
export * from './check-replay.ts';
export * from './replay.ts';
export { connectRow, whileConnecting, type StreamReport, type Streams } from './streams.ts';
export { createWorld, type World } from './world.ts';
