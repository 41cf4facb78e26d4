/** `process_*` as everywhere in Prometheus, and `nodejs_*` where a Go program has `go_*`. */
import { readdirSync, readFileSync } from 'node:fs';
import { systemClock } from '@signalbox/core/system-clock';
import type { Gauge, Registry } from './registry.ts';

export function registerProcessMetrics(registry: Registry): void {
  registerProcess(registry);
  registerHeap(registry);
  registerEventLoop(registry);
}

function registerProcess(registry: Registry): void {
  const gauge = (name: string, help: string): Gauge => registry.gauge({ name: `process_${name}`, help });
  const cpu = registry.gauge({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    as: 'counter',
  });
  const resident = gauge('resident_memory_bytes', 'Resident memory size in bytes.');
  const start = gauge('start_time_seconds', 'Start time of the process since unix epoch in seconds.');
  const open = gauge('open_fds', 'Number of open file descriptors.');
  const max = gauge('max_fds', 'Maximum number of open file descriptors.');
  const virtual = gauge('virtual_memory_bytes', 'Virtual memory size in bytes.');
  const virtualMax = gauge(
    'virtual_memory_max_bytes',
    'Maximum amount of virtual memory available in bytes.',
  );
  start.set(Math.round(systemClock.now() - process.uptime() * 1000) / 1000);
  registry.onCollect(() => {
    const { user, system } = process.cpuUsage();
    cpu.set((user + system) / 1e6);
    resident.set(process.memoryUsage.rss());
    const kernel = readProc();
    open.set(kernel.open);
    max.set(kernel.max);
    virtual.set(kernel.virtual);
    virtualMax.set(kernel.virtualMax);
  });
}

/** Without a limit the kernel's "as much as there are addresses", 2^64, which is how every exporter shows it. */
const UNLIMITED = 2 ** 64;

/** Zeros where there is no /proc. */
function readProc(): { open: number; max: number; virtual: number; virtualMax: number } {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const size = /^VmSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
    const limitOf = (pattern: RegExp): number => Number(pattern.exec(limits)?.[1] ?? UNLIMITED);
    return {
      open: readdirSync('/proc/self/fd').length,
      max: limitOf(/^Max open files\s+(\d+)/m),
      virtual: Number(size?.[1] ?? 0) * 1024,
      virtualMax: limitOf(/^Max address space\s+(\d+)/m),
    };
  } catch {
    return { open: 0, max: 0, virtual: 0, virtualMax: 0 };
  }
}

function registerHeap(registry: Registry): void {
  const used = registry.gauge({ name: 'nodejs_heap_size_used_bytes', help: 'Heap in use.' });
  const total = registry.gauge({ name: 'nodejs_heap_size_total_bytes', help: 'Heap reserved.' });
  const external = registry.gauge({
    name: 'nodejs_external_memory_bytes',
    help: 'Memory of buffers outside the heap.',
  });
  const version = registry.gauge({
    name: 'nodejs_version_info',
    help: 'Version of Node.js.',
    labels: ['version'],
  });
  version.set(1, { version: process.version });
  registry.onCollect(() => {
    const memory = process.memoryUsage();
    used.set(memory.heapUsed);
    total.set(memory.heapTotal);
    external.set(memory.external);
  });
}

/** Share of time that the event loop was busy since the last look: what a busy proxy would show first. */
function registerEventLoop(registry: Registry): void {
  const gauge = registry.gauge({
    name: 'nodejs_eventloop_utilization',
    help: 'Busy share of the event loop, 0 to 1.',
  });
  let last = performance.eventLoopUtilization();
  registry.onCollect(() => {
    const now = performance.eventLoopUtilization();
    gauge.set(performance.eventLoopUtilization(now, last).utilization || 0);
    last = now;
  });
}
