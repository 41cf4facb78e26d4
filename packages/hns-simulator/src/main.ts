/** `main.ts`: serves until standard input ends; the first line of output is the two ports as JSON. */
import { startHnsServer } from './server.ts';

const server = await startHnsServer();
process.stdout.write(`${JSON.stringify({ port: server.port, controlPort: server.controlPort })}\n`);
process.stdin.resume();
process.stdin.once('end', () => void server.close().then(() => process.exit(0)));
