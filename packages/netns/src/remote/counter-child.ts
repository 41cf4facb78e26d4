import { serveRemote } from './serve.ts';

const counter = { value: 0, map: new Map([['a', 1]]) };
serveRemote(
  {
    add: (by: number) => Promise.resolve((counter.value += by)),
    table: () => Promise.resolve(counter.map),
    fail: () => Promise.reject(new Error('failed there')),
    leave: () => process.exit(3),
  },
  () => process.exit(0),
);
