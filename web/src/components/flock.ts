import { css, html, LitElement, svg } from 'lit';

const WIDTH = 640;
const HEIGHT = 220;
const BIRDS = 260;
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
  const along = fraction(n * 0.6180339887);
  const across = fraction(n * 0.7548776662) + fraction(n * 0.569840291) - 1;
  const body = Math.sin(Math.PI * along) ** 1.5;
  const x = 30 + along * (WIDTH - 60) + 26 * Math.sin(along * 9);
  const y = HEIGHT / 2 + 44 * Math.sin(along * 5.4 + 0.5) + across * (12 + 78 * body);
  const wing = (1.6 + 2.6 * body) * (0.7 + 0.25 * layer);
  const tilt = 0.5 * Math.cos(along * 5.4 + 0.5) + across * 0.5;
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
