#!/usr/bin/env node
// `npm start`, `npm test` and the other commands. No dependencies, any Node >= 20: sets up as `npm run setup` does,
// then runs tools/main.mjs under the Node that the lockfile pins.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { pinnedEnvironment, repositoryRoot, setUp } from './install.mjs';

process.chdir(repositoryRoot);
await setUp();
const { node, env } = pinnedEnvironment();
const main = path.join(repositoryRoot, 'tools', 'main.mjs');
const child = spawn(node, [main, ...process.argv.slice(2)], { env, stdio: 'inherit' });
// A Ctrl-C and the end of the terminal reach the child too; another process sends SIGTERM to this one alone.
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('close', (status) => process.exit(status ?? 128));
