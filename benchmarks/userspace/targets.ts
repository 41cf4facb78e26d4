/** The servers behind the proxies, and the proxies, in front of the same server: one process on one core, or two threads on all cores. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { execArgv, execPath } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';

const BACKEND_PORT = 9000;

export interface Target {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly process: ChildProcess;
}

const LONG = '600s';

/** The server is nginx: a short response at /, a long one at /file. */
function backendConfig(folder: string): string {
  return `${nginxHead(folder)}
http {
  access_log off; sendfile on; tcp_nodelay on;
  keepalive_requests 100000000; keepalive_timeout ${LONG}; client_header_timeout ${LONG};
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server {
    listen 127.0.0.1:${BACKEND_PORT} backlog=4096;
    location = / { return 200 "ok"; }
    location = /file { root ${folder}; }
  }
}`;
}

/** The limit counts connections to clients and to the server; as with the other proxies, open files limit it further. */
function nginxHead(folder: string): string {
  return `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr crit;
events { worker_connections 65536; }`;
}

function streamConfig(folder: string, port: number): string {
  return `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
${nginxHead(folder)}
stream {
  server {
    listen 127.0.0.1:${port} backlog=4096;
    proxy_pass 127.0.0.1:${BACKEND_PORT}; proxy_timeout ${LONG}; tcp_nodelay on;
  }
}`;
}

function haproxyConfig(port: number, threads: number): string {
  return `global
  nbthread ${threads}
defaults
  mode tcp
  timeout connect 5s
  timeout client ${LONG}
  timeout server ${LONG}
frontend clients
  bind 127.0.0.1:${port} backlog 4096
  default_backend servers
backend servers
  server one 127.0.0.1:${BACKEND_PORT}
`;
}

/** Load and server share the first core, so that a proxy has the second one. */
function onCore(core: number | null, command: readonly string[]): readonly [string, readonly string[]] {
  if (core === null || availableParallelism() < 2) return [command[0] ?? '', command.slice(1)];
  return ['taskset', ['-c', String(core), ...command]];
}

export function runLoad(command: readonly string[]): string {
  const [file, args] = onCore(0, command);
  const done = spawnSync(file, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

async function start(name: string, core: number | null, command: readonly string[], at: [string, number]) {
  const [file, args] = onCore(core, command);
  const [host, port] = at;
  const process = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  while (!(await answers(host, port))) {
    if (process.exitCode !== null) throw new Error(`${name} ended with status ${process.exitCode}`);
    await wait(20);
  }
  return { name, host, port, process };
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The first one is the server itself. */
export async function startAll(folder: string): Promise<readonly Target[]> {
  const nginx = (name: string, config: string): readonly string[] => {
    const prefix = join(folder, name);
    mkdirSync(prefix);
    writeFileSync(join(prefix, 'nginx.conf'), config);
    return ['nginx', '-p', prefix, '-e', 'stderr', '-c', 'nginx.conf'];
  };
  writeFileSync(join(folder, 'file'), Buffer.alloc(16 << 20, 'x'));
  for (const threads of [1, 2])
    writeFileSync(join(folder, `haproxy-${threads}.cfg`), haproxyConfig(9100 + threads, threads));
  const haproxy = (threads: number): readonly string[] => [
    'haproxy',
    '-db',
    '-q',
    '-f',
    join(folder, `haproxy-${threads}.cfg`),
  ];
  const signalbox = [execPath, ...execArgv, join(import.meta.dirname, 'signalbox.mjs')];
  return [
    await start('direct', 0, nginx('backend', backendConfig(folder)), ['127.0.0.1', BACKEND_PORT]),
    await start('HAProxy', 1, haproxy(1), ['127.0.0.1', 9101]),
    await start('nginx', 1, nginx('stream', streamConfig(folder, 9103)), ['127.0.0.1', 9103]),
    await start('Signalbox', 1, [...signalbox, String(BACKEND_PORT)], ['127.96.0.1', 80]),
    await start('HAProxy, 2 threads', null, haproxy(2), ['127.0.0.1', 9102]),
    await start('Signalbox, 2 threads', null, [...signalbox, String(BACKEND_PORT), '2'], ['127.96.0.2', 80]),
  ];
}

export async function stopAll(targets: readonly Target[]): Promise<void> {
  for (const { process } of targets) {
    if (process.exitCode !== null) continue;
    process.kill('SIGKILL');
    await once(process, 'exit');
  }
}
