const WIDTH = 10;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** `share` of 0 to 1 as a bar of at most ten characters, in eighths of a character. */
export function shareBar(share: number): string {
  const eighths = Math.round(share * WIDTH * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}
