/** The same with the informers of @kubernetes/client-node, for comparison. */
import type { Listener } from './listener.ts';

export async function runOfficialInformers(url: string, listener: Listener): Promise<void> {
  const { CoreV1Api, DiscoveryV1Api, KubeConfig, makeInformer } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'bench', server: url, skipTLSVerify: true }, { name: 'bench' });
  const core = config.makeApiClient(CoreV1Api);
  const discovery = config.makeApiClient(DiscoveryV1Api);
  let objects = 0;

  const services = makeInformer(config, '/api/v1/services', () => core.listServiceForAllNamespaces());
  const slices = makeInformer(config, '/apis/discovery.k8s.io/v1/endpointslices', () =>
    discovery.listEndpointSliceForAllNamespaces(),
  );
  for (const event of ['add', 'update'] as const) {
    slices.on(event, () => objects++);
    services.on(event, (service) => {
      objects++;
      const sent = service.metadata?.annotations?.['sent'];
      if (sent !== undefined) listener.onChange(Number(sent));
    });
  }
  await Promise.all([services.start(), slices.start()]);
  listener.onSynced(objects);
}
