/**
 * V8 keeps garbage while memory seems cheap: a young generation of three times 16 MB, and an old one of several times what
 * is reachable. After the first sync of a large cluster that is most of the memory of the process, and it stays. Measured:
 * docs/performance.md, Memory.
 */
import { setFlagsFromString } from 'node:v8';

// The young generation stays at the size it has. (`--max-semi-space-size` is read before the first line of the program.)
setFlagsFromString('--semi-space-growth-factor=1');
// The old one is collected when it is half as large again as what was reachable the last time.
setFlagsFromString('--heap-growing-percent=50');
