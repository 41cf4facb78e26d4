// Rules as data, their text, and a table that refuses what the kernel refuses.
import assert from 'node:assert/strict';
import { encodeRestore, encodeRule, jump, listTables, rule } from '@signalbox/iptables';
import { createFakeIptables } from '@signalbox/iptables/testing';

const text = encodeRule(rule([{ kind: 'destination', cidr: '10.96.0.10/32' }], jump('EXAMPLE')), 'IPv4');
assert.equal(text, '-d 10.96.0.10/32 -j EXAMPLE');
const { driver } = createFakeIptables({ family: 'IPv4' });
const chain = (name, rules) => ({ kind: 'write', chain: name, rules });
const write = (...operations) => driver.restore(encodeRestore([{ table: 'nat', operations }]));
const written = await write(chain('EXAMPLE', []), chain('CALLER', [text]));
assert.equal(written.ok, true);
const listed = await listTables(driver);
assert.equal(listed.ok, true);
const refused = await write(chain('CALLER', ['-j ABSENT']));
assert.equal(refused.ok, false);
assert.match(refused.error.message, /ABSENT/);
