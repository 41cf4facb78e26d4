export { createRemote, type Remote, type RemoteMethod, type RemoteOptions } from './remote.ts';
export { serveRemote } from './serve.ts';
