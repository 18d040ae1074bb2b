import type { CurvePoint } from '../shared/simulate/index.ts';

/** What a learning curve is drawn with. */
export interface CurveFigure {
  readonly title: string;
  /** In the order of rounds. */
  readonly points: readonly CurvePoint[];
  /** Never falling, over the same rounds. */
  readonly best: readonly CurvePoint[];
  readonly target: number;
  /** When the paper reaches the target. */
  readonly paperRounds: number;
}

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 56, right: 16, top: 36, bottom: 40 };
/** Foot of the figure, in errors that the target allows: early rounds would flatten what matters, at the top. */
const ERRORS_SHOWN = 10;
const GRID_LINES = 5;

/** A learning curve as an SVG of its own: accuracy over rounds, beside the target and the paper. */
export function curveSvg({ title, points, best, target, paperRounds }: CurveFigure): string {
  const lastRound = Math.max(1, paperRounds, points.at(-1)?.round ?? 0);
  const x = (round: number) => MARGIN.left + (round / lastRound) * (WIDTH - MARGIN.left - MARGIN.right);
  const mostError = ERRORS_SHOWN * (1 - target);
  const y = (accuracy: number) =>
    MARGIN.top + (Math.min(1 - accuracy, mostError) / mostError) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const path = (curve: readonly CurvePoint[]) =>
    curve.map(({ round, accuracy }) => `${x(round).toFixed(1)},${y(accuracy).toFixed(1)}`).join(' ');
  const accuracies = Array.from({ length: GRID_LINES + 1 }, (_, i) => 1 - (i * mostError) / GRID_LINES);
  const rounds = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * lastRound));
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="20" font-size="14">${escapeXml(title)}</text>`,
    ...accuracies.map(
      (accuracy) =>
        `<path d="M${MARGIN.left} ${y(accuracy).toFixed(1)}H${right}" stroke="#ddd"/><text x="${MARGIN.left - 6}" y="${(y(accuracy) + 4).toFixed(1)}" text-anchor="end">${(accuracy * 100).toFixed(0)} %</text>`,
    ),
    ...rounds.map(
      (round) => `<text x="${x(round).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${round}</text>`,
    ),
    `<text x="${right}" y="${HEIGHT - 6}" text-anchor="end">rounds</text>`,
    `<path d="M${MARGIN.left} ${y(target).toFixed(1)}H${right}" stroke="#c33" stroke-dasharray="4 3"/>`,
    `<path d="M${x(paperRounds).toFixed(1)} ${MARGIN.top}V${bottom}" stroke="#888" stroke-dasharray="2 3"/>`,
    `<text x="${(x(paperRounds) - 4).toFixed(1)}" y="${bottom - 6}" text-anchor="end" fill="#666">paper: ${paperRounds}</text>`,
    `<polyline points="${path(points)}" fill="none" stroke="#9bd" stroke-width="1"/>`,
    `<polyline points="${path(best)}" fill="none" stroke="#147" stroke-width="2"/>`,
    '</svg>',
    '',
  ].join('\n');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
