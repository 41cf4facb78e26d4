/** The image in ipvs mode: in a kernel that has IPVS. tools/suites/uml.mjs builds its root, outside of that kernel. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { runInImage, serveAndRemove } from './image-parts.ts';

const root = process.env['SIGNALBOX_IMAGE_ROOT'];

it('the image serves in ipvs mode from a read-only root, and --cleanup removes it', (context) => {
  if (root === undefined) return context.skip(process.env['SIGNALBOX_IMAGE_MISSING'] ?? 'no root was built');
  const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-image-'));
  try {
    const place = { root, scratch, modules: '/usr/lib/uml/modules', limitMs: 500_000 };
    const served = { mode: 'ipvs', listing: 'ipvsadm --list --numeric', pattern: '*10.96.0.10:80*' };
    const { status, text } = runInImage(place, serveAndRemove(served));
    expect(text).toMatch(/^served\n(?:.*\n)*removed$/m);
    expect(status, text).toBe(0);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});
