/**
 * `HcnApi` over the simulator in this process: the same calls as the native layer in C#, so that handles are
 * opened and closed and faults are injected in the same places.
 */
import { HR, type Hns, type HnsReply } from '@signalbox/hns-simulator';
import { hcnApiOf, type HcnApi } from '../driver/hcn-api.ts';

type Fields = Readonly<Record<string, string>>;

interface NativeReply {
  readonly hr: number;
  readonly call: string;
  readonly record: string;
  readonly items: readonly string[];
}

const NATIVE_KIND: Fields = { network: 'Network', endpoint: 'Endpoint', 'load-balancer': 'LoadBalancer' };
const QUERY = '{"SchemaVersion":{"Major":2,"Minor":0}}';
const GONE: readonly number[] = [HR.elementNotFound, HR.endpointNotFound, HR.networkNotFound];

/** Returns an `HcnApi` whose calls change and read `hns`. */
export function createSimulatedHcn(hns: Hns): HcnApi {
  return hcnApiOf((request) => Promise.resolve(JSON.stringify(invoke(hns, JSON.parse(request) as Fields))));
}

function failed(call: string, reply: HnsReply): NativeReply {
  return { hr: reply.hr, call, record: reply.record ?? '', items: [] };
}

function done(items: readonly string[]): NativeReply {
  return { hr: HR.ok, call: '', record: '', items };
}

function invoke(hns: Hns, fields: Fields): NativeReply {
  const text = (name: string): string => fields[name] ?? '';
  switch (text('op')) {
    case 'hns':
      return single(hns, 'HNSCall', [text('method'), text('path'), '']);
    case 'list':
      return list(hns, NATIVE_KIND[text('kind')] ?? '', text('query'));
    case 'create-endpoint':
      return createEndpoint(hns, fields);
    case 'create-load-balancer':
      return create(hns, 'LoadBalancer', [text('id'), text('settings')]);
    case 'modify-load-balancer':
      return modify(hns, text('id'), text('settings'));
    case 'delete-endpoint':
      return single(hns, 'HcnDeleteEndpoint', [text('id')]);
    case 'delete-load-balancer':
      return single(hns, 'HcnDeleteLoadBalancer', [text('id')]);
    default:
      return {
        hr: HR.invalidArgument,
        call: 'Invoke',
        record: `no such operation: ${text('op')}`,
        items: [],
      };
  }
}

function single(hns: Hns, call: string, args: readonly string[]): NativeReply {
  const reply = hns.call(call, args);
  if (reply.hr !== HR.ok) return failed(call, reply);
  return done(reply.text === undefined ? [] : [reply.text]);
}

/** Objects that vanish between enumeration and query are left out; any other failure fails the listing. */
function list(hns: Hns, kind: string, query: string): NativeReply {
  const found = hns.call(`HcnEnumerate${kind}s`, [query]);
  if (found.hr !== HR.ok) return failed(`HcnEnumerate${kind}s`, found);
  const items: string[] = [];
  for (const id of JSON.parse(found.text ?? '[]') as readonly string[]) {
    const opened = hns.call(`HcnOpen${kind}`, [id]);
    if (GONE.includes(opened.hr)) continue;
    if (opened.hr !== HR.ok) return failed(`HcnOpen${kind}`, opened);
    const queried = queryAndClose(hns, kind, opened.handle ?? 0);
    if (queried.hr !== HR.ok) return failed(`HcnQuery${kind}Properties`, queried);
    items.push(queried.text ?? '');
  }
  return done(items);
}

function queryAndClose(hns: Hns, kind: string, handle: number): HnsReply {
  const reply = hns.call(`HcnQuery${kind}Properties`, [handle, QUERY]);
  hns.call(`HcnClose${kind}`, [handle]);
  return reply.text === undefined ? reply : { ...reply, text: withoutEmptyLists(reply.text) };
}

/** As HNS writes documents: what is empty is left out. */
function withoutEmptyLists(text: string): string {
  return JSON.stringify(JSON.parse(text), (_field, value: unknown) =>
    Array.isArray(value) && value.length === 0 ? undefined : value,
  );
}

/** The object exists from here on: that it cannot be read back is no failure. */
function readBack(hns: Hns, kind: string, handle: number): NativeReply {
  const { hr, text } = queryAndClose(hns, kind, handle);
  return done(hr === HR.ok && text !== undefined ? [text] : []);
}

function create(hns: Hns, kind: string, args: readonly (string | number)[]): NativeReply {
  const created = hns.call(`HcnCreate${kind}`, args);
  if (created.hr !== HR.ok) return failed(`HcnCreate${kind}`, created);
  return readBack(hns, kind, created.handle ?? 0);
}

function createEndpoint(hns: Hns, fields: Fields): NativeReply {
  const network = hns.call('HcnOpenNetwork', [fields['network'] ?? '']);
  if (network.hr !== HR.ok) return failed('HcnOpenNetwork', network);
  const handle = network.handle ?? 0;
  const reply = create(hns, 'Endpoint', [handle, fields['id'] ?? '', fields['settings'] ?? '']);
  hns.call('HcnCloseNetwork', [handle]);
  return reply;
}

function modify(hns: Hns, id: string, settings: string): NativeReply {
  const opened = hns.call('HcnOpenLoadBalancer', [id]);
  if (opened.hr !== HR.ok) return failed('HcnOpenLoadBalancer', opened);
  const handle = opened.handle ?? 0;
  const modified = hns.call('HcnModifyLoadBalancer', [handle, settings]);
  if (modified.hr === HR.ok) return readBack(hns, 'LoadBalancer', handle);
  hns.call('HcnCloseLoadBalancer', [handle]);
  return failed('HcnModifyLoadBalancer', modified);
}
