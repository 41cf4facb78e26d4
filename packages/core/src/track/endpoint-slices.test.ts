import { describe, expect, it } from 'vitest';
import { decodeEndpointSlice } from '../decode/decode-endpoint-slice.ts';
import { createInternPool } from '../decode/intern.ts';
import type { SliceModel } from '../model/endpoint-slice.ts';
import { sliceObject, type EndpointShape, type SliceShape } from '../testing/objects.ts';
import { createSliceStore } from './endpoint-slices.ts';

function slice(endpoints: readonly EndpointShape[], shape: SliceShape = {}): SliceModel {
  const { value } = decodeEndpointSlice(sliceObject(endpoints, shape), createInternPool());
  if (value === null) throw new Error('no slice');
  return value;
}

describe('the slice store', () => {
  it('holds nothing of what was deleted', () => {
    const store = createSliceStore();
    store.replace('shop/cart-1', slice([{ address: '10.0.0.1', zones: ['z1'] }]));
    expect([store.size, store.of('shop/cart', 'IPv4').length, store.hinted().size]).toEqual([1, 1, 1]);
    store.replace('shop/cart-1', undefined);
    expect([store.size, store.of('shop/cart', 'IPv4').length, store.hinted().size]).toEqual([0, 0, 0]);
  });

  it('F134: an equal slice is no change', () => {
    const store = createSliceStore();
    expect(store.replace('shop/cart-1', slice([{ address: '10.0.0.1' }]))).toHaveLength(1);
    expect(store.replace('shop/cart-1', slice([{ address: '10.0.0.1' }]))).toEqual([]);
    expect(store.replace('shop/other', undefined)).toEqual([]);
  });

  it('lists slices by name, whatever the order in which they came', () => {
    const store = createSliceStore();
    for (const name of ['c', 'a', 'b']) store.replace(`shop/${name}`, slice([], { name }));
    expect(store.of('shop/cart', 'IPv4').map(({ key }) => key)).toEqual(['shop/a', 'shop/b', 'shop/c']);
  });

  it('F122: a service is hinted as long as one of its slices is', () => {
    const store = createSliceStore();
    store.replace('shop/a', slice([{ address: '10.0.0.1', zones: ['z1'] }], { name: 'a' }));
    store.replace('shop/b', slice([{ address: '10.0.0.2' }], { name: 'b' }));
    expect([...store.hinted()]).toEqual(['shop/cart']);
    store.replace('shop/a', slice([{ address: '10.0.0.1' }], { name: 'a' }));
    expect([...store.hinted()]).toEqual([]);
  });
});

describe('the intern pool', () => {
  it('releases values instead of growing without limit, and stays correct', () => {
    const pool = createInternPool();
    for (let at = 0; at < 50_000; at++) expect(pool.text(`node-${at}`)).toBe(`node-${at}`);
    const hints = pool.hints(['z1'], []);
    expect(pool.hints(['z1'], [])).toBe(hints);
    for (let at = 0; at < 20_001; at++) pool.hints([`zone-${at}`], []);
    expect(pool.hints(['z1'], [])).not.toBe(hints);
    expect(pool.hints(['z1'], [])).toEqual(hints);
  });
});
