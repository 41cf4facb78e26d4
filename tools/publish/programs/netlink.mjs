// The links of this machine, read over netlink without another program and unprivileged.
import assert from 'node:assert/strict';
import { createRouteClient, formatServiceKey } from '@signalbox/netlink';

const routes = createRouteClient();
const links = await routes.listLinks();
assert.equal(links.ok, true, links.error?.message);
assert.ok(links.value.some(({ name }) => name === 'lo'));
const absent = await routes.getLink({ name: 'absent0' });
assert.equal(absent.ok, false);
assert.equal(absent.error.code, 'not-found');
routes.close();
const key = { family: 'IPv4', protocol: 6, address: '10.96.0.1', port: 443 };
assert.match(formatServiceKey(key), /10\.96\.0\.1:443/);
