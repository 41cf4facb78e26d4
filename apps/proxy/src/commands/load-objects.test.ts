import { RESOURCES } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { scriptedSource } from '../testing/composition.ts';
import { loadObjects } from './load-objects.ts';

const REFUSED = { code: 'connection-lost', message: 'services: connect ECONNREFUSED 192.0.2.1:6443' };

function loading() {
  const [clock, source, hints] = [createManualClock(), scriptedSource(), [] as string[]];
  const ended = loadObjects(source, [], { clock, hint: (text) => void hints.push(text) });
  return { clock, source, hints, ended };
}

describe('objects of an API server', () => {
  it('are not waited for longer than 3 s if the server does not answer; its error is returned', async () => {
    const { clock, source, ended } = loading();
    source.handlers.onProblem(REFUSED);
    clock.advance(3000);
    expect(await ended).toBe(
      'nothing received of Service, EndpointSlice, Node, ServiceCIDR within 3 s: services: connect ECONNREFUSED 192.0.2.1:6443',
    );
  });

  it('are not waited for after an error that follows 3 s without an answer', async () => {
    const { clock, source, ended } = loading();
    clock.advance(10_000);
    source.handlers.onProblem(REFUSED);
    expect(await ended).toContain('within 10 s: services: connect ECONNREFUSED');
  });

  it('are waited for 30 s if the server has answered, also after errors', async () => {
    const { clock, source, ended } = loading();
    source.handlers.onSynced('Node');
    source.handlers.onProblem(REFUSED);
    clock.advance(29_999);
    for (const resource of RESOURCES) source.handlers.onSynced(resource);
    expect(await ended).toBeNull();
  });

  it('are named if they are missing after 30 s', async () => {
    const { clock, source, ended } = loading();
    for (const resource of RESOURCES) if (resource !== 'Node') source.handlers.onSynced(resource);
    clock.advance(30_000);
    expect(await ended).toBe('nothing received of Node within 30 s');
  });
});
