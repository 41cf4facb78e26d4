import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { healthzAnswer, livezAnswer, rfc3339 } from './health-responses.ts';
import { createHealthState } from './health-state.ts';

const START = Date.UTC(2026, 10, 21, 8, 0, 0);

function world() {
  const clock = createManualClock(START);
  const state = createHealthState({ clock, families: ['IPv4', 'IPv6'], syncPeriod: () => 30_000 });
  state.setNodeEligible('eligible');
  return { clock, state, healthz: () => healthzAnswer(state.health(), clock.now()) };
}

describe('/healthz and /livez', () => {
  it('F107: keys, order and times of a healthy answer are exact; lastUpdated is now', () => {
    const { clock, state, healthz } = world();
    state.updated('IPv4');
    clock.advance(1500);
    state.updated('IPv6');
    clock.advance(250);
    expect(healthz()).toEqual({
      status: 200,
      body:
        '{"lastUpdated":"2026-11-21T08:00:01.75Z","currentTime":"2026-11-21T08:00:01.75Z","nodeEligible":true,"healthy":true,' +
        '"status":{"IPv4":{"lastUpdated":"2026-11-21T08:00:00Z","healthy":true},"IPv6":{"lastUpdated":"2026-11-21T08:00:01.5Z","healthy":true}}}',
    });
  });

  it('F107 F114: before the loops run the status is left out and the answer is 200', () => {
    const { clock, state, healthz } = world();
    state.queued('IPv4');
    clock.advance(600_000);
    expect(healthz()).toEqual({
      status: 200,
      body: '{"lastUpdated":"2026-11-21T08:10:00Z","currentTime":"2026-11-21T08:10:00Z","nodeEligible":true,"healthy":true}',
    });
  });

  it('F101 F113: unhealthy once a change has waited for twice the sync period; 503 shows the newest real update', () => {
    const { clock, state, healthz } = world();
    state.updated('IPv4');
    state.updated('IPv6');
    clock.advance(1000);
    state.queued('IPv4');
    clock.advance(30_000);
    state.queued('IPv4');
    clock.advance(29_999);
    expect(healthz().status).toBe(200);
    clock.advance(1);
    const { status, body } = healthz();
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({
      lastUpdated: '2026-11-21T08:00:00Z',
      currentTime: '2026-11-21T08:01:01Z',
      healthy: false,
      status: { IPv4: { healthy: false }, IPv6: { healthy: true } },
    });
    state.updated('IPv4');
    expect(healthz().status).toBe(200);
  });

  it('F113: a first sync that lasts twice the sync period is late; changes from before the start count from their time', () => {
    const { clock, state, healthz } = world();
    state.started('IPv4');
    clock.advance(59_999);
    expect(healthz().status).toBe(200);
    clock.advance(1);
    expect(healthz().status).toBe(503);
    state.updated('IPv4');
    expect(healthz().status).toBe(200);
    state.queued('IPv6');
    clock.advance(60_000);
    expect(healthz().status).toBe(200);
    state.started('IPv6');
    expect(healthz().status).toBe(503);
    state.updated('IPv6');
    expect(healthz().status).toBe(200);
  });

  it('F113: one family that does not sync makes the whole unhealthy', () => {
    const { clock, state, healthz } = world();
    state.updated('IPv4');
    state.updated('IPv6');
    state.queued('IPv6');
    clock.advance(30_000);
    state.updated('IPv4');
    clock.advance(30_000);
    expect(healthz().status).toBe(503);
  });

  it('F101 F102 F115: a node that is not eligible fails /healthz only, and "healthy" stays true', () => {
    const { clock, state, healthz } = world();
    state.updated('IPv4');
    state.setNodeEligible('not-eligible');
    expect(healthz().status).toBe(503);
    expect(JSON.parse(healthz().body)).toMatchObject({ nodeEligible: false, healthy: true });
    const live = livezAnswer(state.health(), clock.now());
    expect(live.status).toBe(200);
    expect(live.body).not.toContain('nodeEligible');
  });

  it('F107: times are RFC 3339 as Go writes them', () => {
    expect(rfc3339(Date.UTC(2026, 0, 2, 3, 4, 5, 60))).toBe('2026-01-02T03:04:05.06Z');
    expect(rfc3339(Date.UTC(2026, 0, 2, 3, 4, 10, 0))).toBe('2026-01-02T03:04:10Z');
    expect(rfc3339(null)).toBe('0001-01-01T00:00:00Z');
  });

  it('readiness needs every family to be verified', () => {
    const { state } = world();
    expect(state.notReady()).toEqual(['IPv4', 'IPv6']);
    state.verified('IPv4');
    expect(state.notReady()).toEqual(['IPv6']);
    state.verified('IPv6');
    expect(state.notReady()).toEqual([]);
  });
});
