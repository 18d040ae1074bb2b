import { css, html, LitElement, svg } from 'lit';

const WIDTH = 640;
const HEIGHT = 220;
const BIRDS = 420;
const LAYERS = 3;

/** A flock, drawn once and the same everywhere: decoration only, hidden from screen readers. */
export class Flock extends LitElement {
  static override styles = css`
    :host { display: block; color: var(--shared); pointer-events: none; }
    svg { display: block; width: 100%; height: 100%; overflow: visible; }
    path { fill: none; stroke: currentColor; stroke-linecap: round; }
    .layer-0 { opacity: 0.35; }
    .layer-1 { opacity: 0.6; color: var(--accent); }
    @media (prefers-reduced-motion: no-preference) {
      path { animation: drift 16s ease-in-out infinite alternate; }
      .layer-1 { animation-duration: 22s; animation-direction: alternate-reverse; }
      .layer-2 { animation-duration: 28s; }
    }
    @keyframes drift { from { transform: translate(-6px, 3px); } to { transform: translate(8px, -5px); } }
  `;

  override render() {
    return html`<svg aria-hidden="true" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="xMidYMid meet">
      ${LAYER_PATHS.map((d, layer) => svg`<path class="layer-${layer}" stroke-width=${0.9 + layer * 0.35} d=${d} />`)}
    </svg>`;
  }
}

/** One path per layer, of small open wings scattered along a turning ribbon by low-discrepancy sequences. */
const LAYER_PATHS = Array.from({ length: LAYERS }, (_, layer) =>
  Array.from({ length: BIRDS }, (_unused, n) => n)
    .filter((n) => n % LAYERS === layer)
    .map((n) => bird(n, layer))
    .join(''),
);

function bird(n: number, layer: number): string {
  // Roberts' R3 sequence: even in three dimensions, without the stripes that separate sequences leave.
  const along = fraction(0.5 + n * 0.8191725134);
  const across = fraction(0.5 + n * 0.6710436067) + fraction(0.5 + n * 0.5497004779) - 1;
  const body = Math.sin(Math.PI * along) ** 1.2;
  const waist = 0.55 + 0.45 * Math.cos(along * 8.2 - 1.1);
  const x = 16 + along * (WIDTH - 32) + 18 * across;
  const y = HEIGHT / 2 + 40 * Math.sin(along * 5.2 + 0.4) + across * (6 + 92 * body * waist);
  const wing = (1.3 + 1.9 * body * (1 - 0.5 * Math.abs(across))) * (0.75 + 0.25 * layer);
  const tilt = 0.6 * Math.cos(along * 5.2 + 0.4) + across * 0.6;
  const [dx, dy] = [wing * Math.cos(tilt), wing * Math.sin(tilt)];
  const lift = wing * 0.9;
  return `M${point(x - dx, y - dy)}Q${point(x - dx / 2, y - dy / 2 - lift)} ${point(x, y)}Q${point(x + dx / 2, y + dy / 2 - lift)} ${point(x + dx, y + dy)}`;
}

function point(x: number, y: number): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function fraction(value: number): number {
  return value - Math.floor(value);
}

customElements.define('mm-flock', Flock);
