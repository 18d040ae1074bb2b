import { html, type SVGTemplateResult, svg, type TemplateResult } from 'lit';

/** Line icons on a 24-unit grid; decorative, so that the words beside them are what is read out. */
const PATHS = {
  flock: 'M3 9q3-4 5 0q2-4 5 0M11 16q3-4 5 0q2-4 5 0M15 7q2-2.6 3 0q1-2.6 3 0',
  data: 'M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3',
  settings: 'M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5v5M8 14.5v5',
  share: 'M12 15V3M8 7l4-4 4 4M5 12v7a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-7',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  download: 'M12 3v12M8 11l4 4 4-4M4 20h16',
  upload: 'M12 16V4M8 8l4-4 4 4M4 20h16',
  play: 'M8 5v14l11-7z',
  pause: 'M8 5v14M16 5v14',
  leave: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  plus: 'M12 5v14M5 12h14',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  warning: 'M12 4L2.5 20h19zM12 10v4M12 17v.5',
  arrow: 'M5 12h14M13 6l6 6-6 6',
  model: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  close: 'M6 6l12 12M18 6L6 18',
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): TemplateResult {
  return html`<svg
    aria-hidden="true"
    viewBox="0 0 24 24"
    width="20"
    height="20"
    fill="none"
    stroke="currentColor"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
  >
    <path d=${PATHS[name]} />
  </svg>`;
}

/** Seeds of a sunflower, thicker on one side: many small ones, one turning shape. */
function markDots(): SVGTemplateResult[] {
  const golden = Math.PI * (3 - Math.sqrt(5));
  return Array.from({ length: 44 }, (_, n) => {
    const radius = 1.72 * Math.sqrt(n + 1);
    const angle = (n + 1) * golden;
    const lean = 0.5 + 0.5 * Math.cos(angle - radius * 0.42 + 0.4);
    return svg`<circle
      cx=${(12 + radius * Math.cos(angle)).toFixed(2)}
      cy=${(12 + radius * Math.sin(angle)).toFixed(2)}
      r=${(0.34 + 0.98 * lean * lean).toFixed(2)}
    />`;
  });
}

const MARK_DOTS = markDots();

export function mark(): TemplateResult {
  return html`<svg aria-hidden="true" viewBox="-0.5 -0.5 25 25" fill="currentColor">${MARK_DOTS}</svg>`;
}
