import type { SimulationPlan } from './plan.ts';
import { duration } from './progress.ts';
import type { RoundResult } from './run.ts';
import { summaryRows } from './summary.ts';

const WIDTH = 640;
const HEIGHT = 240;
const MARGIN = { left: 56, right: 12, top: 12, bottom: 28 };

/** One file that stands for itself: no script, no font, nothing from elsewhere. */
export function reportHtml(plan: SimulationPlan, results: readonly RoundResult[], finishedAt: Date): string {
  const { federation } = plan;
  const title = `${federation.name}: simulation with ${plan.clients.toLocaleString('en-US')} clients`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d5dae0; --curve: #14599d; --second: #a33c00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #15181c; --faint: #3a424c; --curve: #7fb8f0; --second: #f2a36b; } }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
figure { margin: 1rem 0; } svg { width: 100%; height: auto; max-width: 48rem; }
svg text { fill: var(--ink); font-size: 12px; } .grid { stroke: var(--faint); } .curve { fill: none; stroke: var(--curve); stroke-width: 2; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; } caption { text-align: start; font-weight: 600; padding: .5rem 0; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--faint); text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
th[scope=row] { text-align: start; } td.text { text-align: start; white-space: normal; } pre { overflow-x: auto; padding: 1rem; border: 1px solid var(--faint); }
</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(federation.description)} Seed “${escapeHtml(plan.seed)}”; finished ${finishedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC.</p>
${figure(
  'Accuracy on the test set',
  results,
  ({ accuracy }) => accuracy,
  (value) => `${(100 * value).toFixed(0)} %`,
  [0, 1],
)}
${figure(
  'Loss on the test set',
  results,
  ({ loss }) => loss,
  (value) => value.toFixed(2),
)}
${figure(
  'Participants in the sum',
  results,
  ({ survivors }) => survivors,
  (value) => value.toFixed(0),
)}
${figure(
  'Memory of the simulation, MB',
  results,
  ({ residentBytes }) => residentBytes / 1e6,
  (value) => value.toFixed(0),
)}
${summaryTable(plan, results)}
${roundsTable(results)}
<h2>What was simulated</h2>
<pre tabindex="0">${escapeHtml(JSON.stringify(plan, null, 2))}</pre>
</main>
</body>
</html>
`;
}

function figure(
  title: string,
  results: readonly RoundResult[],
  of: (result: RoundResult) => number | undefined,
  format: (value: number) => string,
  range?: readonly [number, number],
): string {
  const points = results.flatMap((result) => {
    const value = of(result);
    return value === undefined ? [] : [{ round: result.round, value }];
  });
  if (points.length === 0) return '';
  const values = points.map(({ value }) => value);
  const [low, high] = range ?? [Math.min(0, ...values), Math.max(...values)];
  const lastRound = Math.max(2, points.at(-1)!.round);
  const x = (round: number) =>
    MARGIN.left + ((round - 1) / (lastRound - 1)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number) =>
    HEIGHT - MARGIN.bottom - ((value - low) / (high - low || 1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const lines = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const value = low + part * (high - low);
    const at = y(value).toFixed(1);
    return `<path class="grid" d="M${MARGIN.left} ${at}H${WIDTH - MARGIN.right}"/><text x="${MARGIN.left - 6}" y="${at}" dy="4" text-anchor="end">${format(value)}</text>`;
  });
  const rounds = [1, Math.round((1 + lastRound) / 2), lastRound].map(
    (round) => `<text x="${x(round).toFixed(1)}" y="${HEIGHT - 8}" text-anchor="middle">${round}</text>`,
  );
  const curve = points.map(({ round, value }) => `${x(round).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  const last = points.at(-1)!;
  const spoken = `${title}, by round: from ${format(points[0]!.value)} in round ${points[0]!.round} to ${format(last.value)} in round ${last.round}.`;
  return `<figure><figcaption>${escapeHtml(title)}, by round</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(spoken)}">${lines.join('')}${rounds.join('')}<polyline class="curve" points="${curve}"/></svg></figure>`;
}

function summaryTable(plan: SimulationPlan, results: readonly RoundResult[]): string {
  const rows = summaryRows(plan, results).map(
    ([name, value]) =>
      `<tr><th scope="row">${escapeHtml(name)}</th><td class="text">${escapeHtml(value)}</td></tr>`,
  );
  return `<table><caption>In all</caption><tbody>${rows.join('\n')}</tbody></table>`;
}

const COLUMNS: readonly (readonly [string, (result: RoundResult) => string])[] = [
  ['accuracy', ({ accuracy }) => (accuracy === undefined ? '–' : `${(100 * accuracy).toFixed(2)} %`)],
  ['loss', ({ loss }) => (loss === undefined ? '–' : loss.toFixed(4))],
  ['simulated time', ({ simulatedSeconds }) => duration(simulatedSeconds)],
  ['invited', ({ invited }) => String(invited)],
  [
    'in the sum',
    ({ survivors, rolledBackTo }) =>
      rolledBackTo === undefined ? String(survivors) : `back to version ${rolledBackTo}`,
  ],
  ['vanished', ({ vanished }) => String(vanished)],
  ['liars invited', ({ liars }) => String(liars)],
  ['liars in the sum', ({ liarsInSum }) => String(liarsInSum)],
  ['abandoned attempts', ({ abandoned }) => String(abandoned)],
  ['kB up, each', ({ upBytes, invited }) => (upBytes / 1e3 / Math.max(1, invited)).toFixed(1)],
  ['kB down, each', ({ downBytes, invited }) => (downBytes / 1e3 / Math.max(1, invited)).toFixed(1)],
  ['MB in all', ({ upBytes, downBytes }) => ((upBytes + downBytes) / 1e6).toFixed(1)],
  ['clipped', ({ clipped }) => String(clipped)],
  ['wall time s', ({ seconds }) => seconds.toFixed(2)],
  ['memory MB', ({ residentBytes }) => (residentBytes / 1e6).toFixed(0)],
];

function roundsTable(results: readonly RoundResult[]): string {
  const head = ['round', ...COLUMNS.map(([name]) => name)].map((name) => `<th scope="col">${name}</th>`);
  const rows = results.map(
    (result) =>
      `<tr><th scope="row">${result.round}</th>${COLUMNS.map(([, of]) => `<td>${of(result)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll" role="region" aria-label="All rounds" tabindex="0"><table><caption>All rounds</caption><thead><tr>${head.join('')}</tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
