/** `shop/cart` as node-a serves it, for tests of `describeService`. */
import { describeService } from '../explain/describe-service.ts';
import type { ServiceDescription } from '../explain/service-description.ts';
import { FAMILIES, type Family } from '../model/family.ts';
import type { ModelConfig } from '../model/model-config.ts';
import type { Model } from '../track/model-types.ts';
import { createModel } from '../track/model.ts';
import {
  nodeObject,
  serviceObject,
  sliceObject,
  TEST_CONFIG,
  upsert,
  type EndpointShape,
  type ServiceShape,
  type SliceShape,
} from './objects.ts';

export interface DescribedCase {
  readonly service?: ServiceShape;
  readonly endpoints?: readonly EndpointShape[];
  readonly slice?: SliceShape;
  readonly config?: Partial<ModelConfig>;
  readonly families?: readonly Family[];
}

export const HERE: EndpointShape = { address: '10.244.1.5', node: 'node-a' };
export const THERE: EndpointShape = { address: '10.244.2.7', node: 'node-b' };

export function modelOf({
  service = {},
  endpoints = [HERE, THERE],
  slice,
  config = {},
}: DescribedCase): Model {
  const model = createModel({ ...TEST_CONFIG, ...config });
  model.apply(upsert('Node', nodeObject({ zone: 'z1' })));
  model.apply(upsert('Service', serviceObject(service)));
  model.apply(upsert('EndpointSlice', sliceObject(endpoints, slice)));
  return model;
}

export function cart(model: Model, families: readonly Family[] = FAMILIES): ServiceDescription {
  return describeService(model.tracked('shop/cart'), families);
}

export function describeCase(of: DescribedCase): ServiceDescription {
  return cart(modelOf(of), of.families);
}

export const LOAD_BALANCER = {
  spec: { type: 'LoadBalancer', ports: [{ name: 'http', port: 80, nodePort: 30_080 }] },
  ingress: [{ ip: '203.0.113.9' }],
};
