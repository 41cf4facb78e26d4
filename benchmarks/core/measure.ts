import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createModel, type Model } from '@signalbox/core';
import { clusterJSON, CONFIG, sliceJSON, upsert, type ClusterSize } from './cluster.ts';
import { median } from '../statistics.ts';

export interface Measurement {
  readonly size: ClusterSize;
  /** From JSON text to the first desired state, the parsing of JSON included. */
  readonly loadMilliseconds: number;
  /** Heap that the model holds when everything else is collected. */
  readonly bytesPerEndpoint: number;
  /** Median over the changes, from the parsed object to the built change. */
  readonly microsecondsPerChange: number;
}

/** The collector, with or without --expose-gc on the command line. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

function heapUsed(): number {
  const collect = collector();
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

function load(cluster: readonly (readonly string[])[]): Model {
  const model = createModel(CONFIG);
  for (const [service = '', slice = ''] of cluster) {
    model.apply(upsert('Service', service));
    model.apply(upsert('EndpointSlice', slice));
  }
  model.build('IPv4');
  return model;
}

/** One endpoint of one service goes or comes back; the services take turns. */
function timeChanges(model: Model, size: ClusterSize, changes: number): number {
  const times: number[] = [];
  for (let at = 0; at < changes; at++) {
    const service = (at * 7919) % size.services;
    for (const spare of [1, 0]) {
      const event = upsert('EndpointSlice', sliceJSON(service, size.endpointsPerService, spare));
      const start = performance.now();
      model.apply(event);
      const { change } = model.build('IPv4');
      times.push(performance.now() - start);
      const changed = change.servicePorts.changed.length;
      if (changed !== 1) throw new Error(`one service port must change, ${changed} did`);
    }
  }
  return median(times) * 1000;
}

export function measure(size: ClusterSize, changes: number): Measurement {
  const cluster = clusterJSON(size);
  const before = heapUsed();
  const start = performance.now();
  const model = load(cluster);
  const loadMilliseconds = performance.now() - start;
  const after = heapUsed();
  const endpoints = size.services * size.endpointsPerService;
  const { counts } = model.state('IPv4');
  if (counts.endpoints !== endpoints)
    throw new Error(`${endpoints} endpoints expected, ${counts.endpoints} built`);
  return {
    size,
    loadMilliseconds,
    bytesPerEndpoint: (after - before) / endpoints,
    microsecondsPerChange: timeChanges(model, size, changes),
  };
}
