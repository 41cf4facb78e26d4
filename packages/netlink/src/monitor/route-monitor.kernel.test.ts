import { EventEmitter, on } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createRouteClient } from '../clients/route-client.ts';
import { runModule } from '../testing/child.ts';
import { type RouteMonitor, watchRoutes } from './route-monitor.ts';

const client = createRouteClient();
const name = 'nl-watch0';
const open: RouteMonitor[] = [];

/** Opens files until no descriptor is left, starts the monitor, closes the files when its end is reported, and starts it again. */
const OUT_OF_DESCRIPTORS = `
  import { spawn } from 'node:child_process';
  import { once } from 'node:events';
  import { closeSync, openSync, readdirSync } from 'node:fs';
  import { watchRoutes } from ${JSON.stringify(new URL('route-monitor.ts', import.meta.url).href)};
  const open = () => readdirSync('/proc/self/fd').length;
  const children = [];
  const watch = (events) => watchRoutes(events, {
    spawn: (file, words) => {
      children.push(spawn(process.execPath, [file, ...words]));
      return children.at(-1);
    },
  });
  const closed = async (monitor) => {
    monitor.close();
    await once(children.at(-1), 'close');
  };
  const running = () => new Promise((resolve) => {
    const monitor = watch({ notification() {}, ready: () => resolve(monitor) });
  });
  await closed(await running());
  const before = open();
  const held = [];
  try { for (;;) held.push(openSync('/dev/null')); } catch {}
  await new Promise((resolve) => {
    watch({
      notification() {},
      ended: (reason, next) => {
        console.log(next + ': ' + reason);
        for (const descriptor of held.splice(0)) closeSync(descriptor);
        resolve();
      },
    });
  });
  await closed(await running());
  console.log('running');
  console.log('descriptors: ' + (open() === before ? 'equal' : before + ' before, ' + open() + ' after'));
  process.exit(0);
`;

/** The events of a monitor, as lines to wait for. */
function watch(childFile?: string): AsyncIterator<[string]> {
  const events = new EventEmitter();
  const report = (line: string): boolean => events.emit('line', line);
  const monitor = watchRoutes(
    {
      ready: () => report('ready'),
      notification: (received) =>
        report(`${received.kind} ${'link' in received ? received.link.name : received.address.address}`),
      ended: (reason, next) => report(`ended, ${next}: ${reason}`),
    },
    childFile === undefined ? {} : { childFile },
  );
  open.push(monitor);
  return on(events, 'line') as AsyncIterator<[string]>;
}

async function until(lines: AsyncIterator<[string]>, matches: (line: string) => boolean): Promise<string> {
  const seen: string[] = [];
  for (let count = 0; count < 1000; count += 1) {
    const { value } = await lines.next();
    seen.push(value[0]);
    if (matches(value[0])) return value[0];
  }
  throw new Error(`not reported: ${seen.join('; ')}`);
}

function childOfThisProcess(): number {
  const isChild = (pid: string): boolean => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const [, parent] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return command.includes('monitor-child') && Number(parent) === process.pid;
    } catch {
      return false;
    }
  };
  const found = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && isChild(entry));
  expect(found.length, 'monitor processes of this test').toBe(1);
  return Number(found[0]);
}

afterEach(async () => {
  for (const monitor of open.splice(0)) monitor.close();
  await client.deleteLink({ name });
});

describe('watchRoutes', () => {
  it('reports links and addresses that are added and removed', async () => {
    const lines = watch();
    await until(lines, (line) => line === 'ready');
    expect(await client.addLink({ name, kind: 'bridge' })).toMatchObject({ ok: true });
    await until(lines, (line) => line === `link-set ${name}`);
    const link = await client.getLink({ name });
    const linkIndex = link.ok ? link.value.index : 0;
    const address = { family: 'IPv4', address: '10.96.0.1', prefixLength: 32, linkIndex } as const;
    await client.applyAddresses([{ kind: 'add-address', address }]);
    await until(lines, (line) => line === 'address-set 10.96.0.1');
    await client.applyAddresses([{ kind: 'delete-address', address }]);
    await until(lines, (line) => line === 'address-gone 10.96.0.1');
    await client.deleteLink({ name });
    await until(lines, (line) => line === `link-gone ${name}`);
  });

  it('survives the death of its child, and can be started again', async () => {
    const lines = watch();
    await until(lines, (line) => line === 'ready');
    process.kill(childOfThisProcess(), 'SIGABRT');
    const end = await until(lines, (line) => line.startsWith('ended'));
    expect(end).toMatch(/^ended, restarting: .*monitor-child.* ended with SIGABRT/);
    const again = watch();
    await until(again, (line) => line === 'ready');
    await client.addLink({ name, kind: 'bridge' });
    await until(again, (line) => line === `link-set ${name}`);
  });

  it('stops if the program of the child is missing, and names it', async () => {
    const lines = watch('/nonexistent/monitor-child.js');
    const line = await until(lines, (each) => each.startsWith('ended'));
    expect(line).toContain(
      'ended, stopped: /nonexistent/monitor-child.js ended with status 1: Error: Cannot find',
    );
  });

  it('starts the child when descriptors are free again, and keeps no descriptor of a failed start', async () => {
    const { status, output } = await runModule(OUT_OF_DESCRIPTORS);
    expect([status, output.trim().split('\n')]).toEqual([
      0,
      [
        expect.stringMatching(/^restarting: .* cannot be started: spawn .* EMFILE$/),
        'running',
        'descriptors: equal',
      ],
    ]);
  });
});
