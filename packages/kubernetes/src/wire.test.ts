/** The types of this package are those of the API: the official client's, with times as the strings that JSON has. */
import type { EventsV1Event, V1EndpointSlice, V1ObjectReference, V1Service } from '@kubernetes/client-node';
import { expectTypeOf, it } from 'vitest';
import type { ObjectReference, WireEndpointSlice, WireEvent, WireService } from './wire.ts';

type InJson<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? InJson<Item>[]
    : T extends object
      ? { [Key in keyof T]: InJson<T[Key]> }
      : T;

it('every API object of a kind is one of the type of the kind', () => {
  expectTypeOf<InJson<V1Service>>().toExtend<WireService>();
  expectTypeOf<InJson<V1EndpointSlice>>().toExtend<WireEndpointSlice>();
  expectTypeOf<InJson<V1ObjectReference>>().toExtend<ObjectReference>();
  expectTypeOf<keyof WireEvent>().toExtend<keyof EventsV1Event>();
  expectTypeOf<keyof WireService>().toExtend<keyof V1Service>();
  expectTypeOf<keyof WireEndpointSlice>().toExtend<keyof V1EndpointSlice>();
});
