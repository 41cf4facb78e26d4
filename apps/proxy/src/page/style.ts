/** The style sheet of the page. Colours have a contrast of at least 4.5 to 1 on their background, in both schemes. */
export const STYLE = `:root {
  color-scheme: light dark;
  --text: #1c2024; --muted: #5b6470; --page: #ffffff; --line: #d3d8de; --panel: #f5f7f9; --link: #0b57b8;
  --good: #136f33; --bad: #b3161f; --warn: #8a5300;
  font: 16px/1.5 system-ui, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6e9ed; --muted: #a4aeb9; --page: #15181c; --line: #3a424b; --panel: #1e2329; --link: #7db8ff;
    --good: #6fd08c; --bad: #ff9a94; --warn: #f0b95b;
  }
}
body { overflow-wrap: break-word; margin: 0 auto; max-width: 90rem; padding: 0 1rem 3rem; color: var(--text); background: var(--page); }
header { display: flex; flex-wrap: wrap; gap: 0 2rem; justify-content: space-between; border-bottom: 1px solid var(--line); }
.node { font-weight: 700; }
a { color: var(--link); }
a:focus-visible, input:focus-visible, select:focus-visible, button:focus-visible, summary:focus-visible, .wide:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px;
}
main:focus { outline: none; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 0; padding: 0.5rem 1rem; background: var(--page); z-index: 1; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th[scope='row'] { font-weight: 400; min-width: 11rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.note, dt { color: var(--muted); }
.badge { font-weight: 700; white-space: nowrap; border: 1px solid currentcolor; border-radius: 0.3rem; padding: 0 0.4rem; font-size: 0.85em; }
.good { color: var(--good); fill: var(--good); }
.bad { color: var(--bad); fill: var(--bad); }
.warn { color: var(--warn); fill: var(--warn); }
form { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin: 1rem 0; }
input, select, button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--muted); border-radius: 0.3rem; padding: 0.2rem 0.5rem; }
input { min-width: 16rem; }
dl { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; } dd { margin: 0; }
.counts dd { font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.diagnosis { font-size: 1.1rem; }
.problems { border-left: 0.3rem solid var(--bad); padding-left: 1.5rem; }
.sparkline { max-width: 100%; border-bottom: 1px solid var(--line); }
.time-line { padding-left: 1.5rem; border-left: 2px solid var(--line); list-style: none; } .time-line p { margin: 0.2rem 0; }
`;
