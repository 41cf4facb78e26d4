import type { WireObject } from '@signalbox/kubernetes';

import type { Listener } from './listener.ts';

export async function runSignalboxSource(
  url: string,
  lists: 'auto' | 'listed',
  listener: Listener,
): Promise<void> {
  const { createKubernetesSource, loadClusterConfig } = await import('@signalbox/kubernetes');
  const config = await loadClusterConfig({ master: url, env: {} });
  if (!config.ok) throw new Error(config.error.message);
  const source = createKubernetesSource({ config: config.value, nodeName: 'node-0', lists });
  const synced = new Set<string>();
  let objects = 0;
  source.start({
    onEvents(events) {
      objects += events.length;
      for (const event of events) {
        const sent = event.type === 'upsert' && (event.object as WireObject).metadata?.annotations?.['sent'];
        if (typeof sent === 'string') listener.onChange(Number(sent));
      }
    },
    onSynced(resource) {
      synced.add(resource);
      if (synced.size === 4) listener.onSynced(objects);
    },
    onProblem: (problem) => console.error(problem.message),
  });
}
