/**
 * One end of a TCP connection and of a UDP flow that last. `serve ADDRESS PORT` answers every message with ADDRESS;
 * `talk ADDRESS PORT` opens both and sends a message by each whenever its parent asks, and passes the answers on; `end` ends it.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [role = '', address = '', portText = ''] = process.argv.slice(2);
const port = Number(portText);

function serve(): void {
  createServer((socket) => {
    socket.on('data', () => socket.write(address));
    socket.on('error', () => socket.destroy());
  }).listen(port, address, ready);
  const udp = createSocket('udp4');
  udp.on('message', (_, from) => udp.send(address, from.port, from.address));
  udp.bind(port, address);
}

function ready(): void {
  process.send?.({ ready: true });
}

function talk(): void {
  const tcp = connect(port, address, ready);
  const udp = createSocket('udp4');
  udp.bind();
  const answers: { tcp: string[]; udp: string[] } = { tcp: [], udp: [] };
  tcp.on('data', (data) => answers.tcp.push(String(data)));
  tcp.on('error', (error) => answers.tcp.push(`error: ${error.message}`));
  tcp.on('close', () => answers.tcp.push('closed'));
  udp.on('message', (data) => answers.udp.push(String(data)));
  udp.on('error', () => undefined);
  process.on('message', (order) => {
    // The kernel keeps what ends by RST for seconds only.
    if (order === 'end') tcp.resetAndDestroy().once('close', () => process.exit(0));
    if (order === 'end') return;
    tcp.write('?');
    udp.send('?', port, address);
    process.send?.({ answers });
  });
}

if (role === 'serve') serve();
else talk();
