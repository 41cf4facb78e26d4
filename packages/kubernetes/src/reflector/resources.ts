/** What is watched, and with which selectors: the same as kube-proxy, so its RBAC rules suffice. */
import type { Resource } from '@signalbox/core';

export interface WatchedResource {
  readonly resource: Resource;
  /** As in the URL and in RBAC rules, for messages. */
  readonly plural: string;
  readonly path: string;
  readonly labelSelector: string;
  readonly fieldSelector: string;
  /** A cluster may lack it, or deny access to it: then there are none. */
  readonly optional: boolean;
}

export function watchedResources(nodeName: string): readonly WatchedResource[] {
  return [
    {
      resource: 'Service',
      plural: 'services',
      path: '/api/v1/services',
      labelSelector: '!service.kubernetes.io/service-proxy-name',
      fieldSelector: 'spec.clusterIP!=None',
      optional: false,
    },
    {
      resource: 'EndpointSlice',
      plural: 'endpointslices',
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      labelSelector: '!service.kubernetes.io/headless',
      fieldSelector: '',
      optional: false,
    },
    {
      resource: 'Node',
      plural: 'nodes',
      path: '/api/v1/nodes',
      labelSelector: '',
      fieldSelector: `metadata.name=${nodeName}`,
      optional: false,
    },
    {
      resource: 'ServiceCIDR',
      plural: 'servicecidrs',
      path: '/apis/networking.k8s.io/v1/servicecidrs',
      labelSelector: '',
      fieldSelector: '',
      optional: true,
    },
  ];
}

export function pathWith(watched: WatchedResource, parameters: Readonly<Record<string, string>>): string {
  const { labelSelector, fieldSelector } = watched;
  const query = new URLSearchParams({
    ...(labelSelector === '' ? {} : { labelSelector }),
    ...(fieldSelector === '' ? {} : { fieldSelector }),
    ...parameters,
  });
  return `${watched.path}?${query.toString()}`;
}
