import { fullChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createDesiredView } from './desired-view.ts';
import { changeBetween, sampleServicePort, sampleState, sampleStateOf } from './testing/sample-state.ts';

const state = (...indexes: readonly number[]) =>
  sampleStateOf(
    'IPv4',
    indexes.map((index) => sampleServicePort('IPv4', { index })),
  );

describe('DesiredView', () => {
  it('owes nothing before the first change', () => {
    const view = createDesiredView();
    expect([view.owed(), view.node, view.counts]).toEqual([null, null, null]);
  });

  it('owes a full change until it is settled, then what changed since', () => {
    const [first, second] = [state(1, 2), state(2, 3)];
    const view = createDesiredView();
    view.apply(fullChange(first));
    expect(view.owed()).toEqual(fullChange(first));
    view.apply(changeBetween(first, second));
    expect(view.owed()).toMatchObject({ kind: 'full', servicePorts: { changed: [], removed: [] } });
    expect(view.owed()?.servicePorts.added.map(({ name }) => name.name)).toEqual(['service-2', 'service-3']);
    view.settle();
    expect(view.owed()).toMatchObject({ kind: 'incremental', nodeChanged: false });
    expect(view.owed()?.servicePorts).toEqual({ added: [], changed: [], removed: [] });
  });

  it('holds nothing of before a full change', () => {
    const [first, second] = [state(1, 2), state(2, 3)];
    const view = createDesiredView();
    view.apply(fullChange(first));
    view.settle();
    view.apply(fullChange(second));
    expect([...view.servicePorts.keys()]).toEqual([...second.servicePorts.keys()]);
    expect(view.owed()).toEqual(fullChange(second));
  });

  it('joins the changes of failed syncs into one, each object in its final form', () => {
    const [one, two] = [1, 2].map((endpoints) => sampleServicePort('IPv4', { index: 9, endpoints }));
    const start = state(1);
    const view = createDesiredView();
    view.apply(fullChange(start));
    view.settle();
    const states = [start, sampleStateOf('IPv4', [one as never]), sampleStateOf('IPv4', [two as never])];
    view.apply(changeBetween(states[0] as never, states[1] as never));
    view.apply(changeBetween(states[1] as never, states[2] as never));
    const owed = view.owed();
    expect(owed?.servicePorts).toEqual({
      added: [two],
      changed: [],
      removed: [...start.servicePorts.values()],
    });
    expect([...view.servicePorts.values()]).toEqual([two]);
  });

  it('owes a change of the node until it is settled, whatever other changes follow', () => {
    const start = state(1);
    const view = createDesiredView();
    view.apply(fullChange(start));
    view.settle();
    view.apply({ ...changeBetween(start, start), nodeChanged: true });
    view.apply(changeBetween(start, state(1, 2)));
    expect(view.owed()).toMatchObject({ kind: 'incremental', nodeChanged: true });
    view.settle();
    expect(view.owed()?.nodeChanged).toBe(false);
  });

  it('does not owe an object that came and went, nor a removal of one that came back', () => {
    const start = state(1);
    const view = createDesiredView();
    view.apply(fullChange(start));
    view.settle();
    view.apply(changeBetween(start, state(1, 2)));
    view.apply(changeBetween(state(1, 2), start));
    expect(view.owed()?.servicePorts).toMatchObject({ added: [], removed: [] });
    const [known] = start.servicePorts.values();
    const nothing = changeBetween(start, start);
    if (known === undefined) throw new Error('the sample has no service port');
    view.settle();
    view.apply({ ...nothing, servicePorts: { added: [], changed: [], removed: [known] } });
    view.apply({ ...nothing, servicePorts: { added: [known], changed: [], removed: [] } });
    expect(view.owed()?.servicePorts).toEqual({ added: [], changed: [], removed: [] });
  });

  it('becomes by changes what it is from scratch', () => {
    const { first, steps, last } = sampleState('IPv6');
    const [byChanges, fromScratch] = [createDesiredView(), createDesiredView()];
    for (const change of [first, ...steps]) byChanges.apply(change);
    fromScratch.apply(last);
    expect(byChanges.servicePorts).toEqual(fromScratch.servicePorts);
    expect(byChanges.counts).toEqual(fromScratch.counts);
  });
});
