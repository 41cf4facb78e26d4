/** The last syncs, one bar each: the height is the duration, the colour the outcome. */
import type { SyncAnswer } from '../inspect/answers.ts';
import { html, type Markup } from './html.ts';

const HEIGHT = 40;
const STEP = 6;
const BAR = 4;

/** A sync that repaired objects was successful, but is highlighted. */
function toneOf({ outcome, repaired }: SyncAnswer): string {
  if (outcome !== 'ok') return 'bad';
  return repaired.total > 0 ? 'warn' : 'good';
}

/** Logarithmic: a full sync takes a thousand times as long as a small one. */
function heightOf(milliseconds: number, longest: number): number {
  const part = Math.log1p(milliseconds) / Math.log1p(Math.max(longest, 1));
  return Math.max(2, Math.round(part * HEIGHT));
}

function describe({ time, family, milliseconds, outcome, scope, reason, repaired }: SyncAnswer): string {
  const repairs = repaired.total > 0 ? `, ${repaired.total} repaired` : '';
  return `${time} ${family}: ${outcome}, ${scope}, ${milliseconds} ms, ${reason}${repairs}`;
}

function bar(sync: SyncAnswer, index: number, longest: number): Markup {
  const height = heightOf(sync.milliseconds, longest);
  return html`<rect
    class="${toneOf(sync)}"
    x="${index * STEP}"
    y="${HEIGHT - height}"
    width="${BAR}"
    height="${height}"
  >
    <title>${describe(sync)}</title>
  </rect>`;
}

/** Oldest first. */
export function sparkline(syncs: readonly SyncAnswer[]): Markup {
  if (syncs.length === 0) return html`<p>No sync has ended yet.</p>`;
  const longest = Math.max(...syncs.map(({ milliseconds }) => milliseconds));
  const failed = syncs.filter(({ outcome }) => outcome !== 'ok').length;
  const label = `The last ${syncs.length} syncs: the longest took ${longest} ms, ${failed} failed or failed in part`;
  const width = syncs.length * STEP;
  return html`<svg
      class="sparkline"
      role="img"
      aria-label="${label}"
      viewBox="0 0 ${width} ${HEIGHT}"
      width="${width}"
      height="${HEIGHT}"
    >
      ${syncs.map((sync, index) => bar(sync, index, longest))}
    </svg>
    <p class="note">${label}.</p>`;
}
