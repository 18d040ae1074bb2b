import { css, html, LitElement, nothing, svg } from 'lit';
import { currentRound, phaseProgress } from '../app/session-words.ts';
import type { SessionPhase, SessionSnapshot } from '../session/snapshot.ts';

const CENTRE = 100;
const RADIUS = 74;
const BIRD_RADIUS = 93;
const MOST_BIRDS = 40;

/** The three parts of a round around the dial, and how much of it each takes. */
const ARCS = [
  { name: 'train', from: 0, length: 50 },
  { name: 'exchange', from: 50, length: 36 },
  { name: 'apply', from: 86, length: 14 },
] as const;
const GAP = 1.6;
const CAPTIONS: { readonly [name in SessionPhase['name']]?: string } = {
  masking: 'masking',
  applying: 'new model',
  paused: 'paused',
};

/**
 * A round as a ring: training, exchange, new model; the peers around it. It repeats what stands beside it in
 * words, so screen readers skip it.
 */
export class RoundDial extends LitElement {
  static override properties = { snapshot: { attribute: false } };
  declare snapshot: SessionSnapshot | undefined;

  static override styles = css`
    :host { display: block; }
    svg { display: block; width: 100%; }
    .track { stroke: var(--sunken); }
    .train { stroke: var(--accent); }
    .exchange { stroke: var(--shared); }
    .apply { stroke: var(--good); }
    .track, .fill { fill: none; stroke-width: 10; }
    .round { fill: var(--ink); font: 680 44px var(--font); letter-spacing: -0.04em; font-variant-numeric: tabular-nums; }
    .caption { fill: var(--ink-soft); font: 600 12px var(--font); letter-spacing: 0.02em; }
    .direct { fill: var(--accent); }
    .relay { fill: var(--surface); stroke: var(--accent); stroke-width: 2; }
    .server { fill: var(--shared); }
    .busy { transform-origin: 100px 100px; }
    /* Only while connecting: what moves all the time is painted 60 times a second for as long as a run takes. */
    @media (prefers-reduced-motion: no-preference) { .busy { animation: turn 2.4s linear infinite; } }
    @keyframes turn { to { transform: rotate(360deg); } }
  `;

  override render() {
    const { snapshot } = this;
    const phase: SessionPhase = snapshot?.phase ?? { name: 'idle' };
    const round = snapshot === undefined ? 0 : currentRound(snapshot);
    return html`<svg aria-hidden="true" viewBox="0 0 200 200">
      ${ARCS.map(({ name, from, length }) => arc('track', from, length, name))}
      ${ARCS.map(({ name, from, length }) => arc(`fill ${name}`, from, length * filled(name, phase), name))}
      ${
        phase.name === 'connecting' || phase.name === 'fetching-model'
          ? svg`<g class="busy">${arc('fill train', 0, 12, 'busy')}</g>`
          : nothing
      }
      <g>${this.#birds()}</g>
      <text class="caption" x="100" y="76" text-anchor="middle">Round</text>
      <text class="round" x="100" y="116" text-anchor="middle">${round === 0 ? '–' : round}</text>
      <text class="caption" x="100" y="138" text-anchor="middle">${this.#caption(phase)}</text>
    </svg>`;
  }

  #caption(phase: SessionPhase): string {
    const progress = phaseProgress(phase);
    if (progress !== undefined) return `${Math.round(progress * 100)} %`;
    return CAPTIONS[phase.name] ?? '';
  }

  #birds() {
    const peers = (this.snapshot?.peers ?? []).slice(0, MOST_BIRDS);
    return peers.map(({ path }, index) => {
      const angle = (2 * Math.PI * index) / peers.length - Math.PI / 2;
      const x = CENTRE + BIRD_RADIUS * Math.cos(angle);
      const y = CENTRE + BIRD_RADIUS * Math.sin(angle);
      return svg`<circle class=${path} cx=${x.toFixed(1)} cy=${y.toFixed(1)} r="4" />`;
    });
  }
}

function arc(classes: string, from: number, length: number, name: string) {
  const shown = Math.max(0, length - (length > GAP ? GAP : 0));
  if (shown === 0) return nothing;
  return svg`<circle
    class=${classes}
    data-arc=${name}
    cx=${CENTRE}
    cy=${CENTRE}
    r=${RADIUS}
    pathLength="100"
    stroke-dasharray="${shown.toFixed(2)} 100"
    stroke-dashoffset=${-from}
    transform="rotate(-90 100 100)"
  />`;
}

/** How much of one arc is done, 0 to 1, in this phase. */
function filled(name: (typeof ARCS)[number]['name'], phase: SessionPhase): number {
  const progress = phaseProgress(phase) ?? 0;
  switch (phase.name) {
    case 'training':
      return name === 'train' ? progress : 0;
    case 'masking':
      return name === 'train' ? 1 : 0;
    case 'uploading':
      return name === 'train' ? 1 : name === 'exchange' ? progress / 2 : 0;
    case 'collecting':
      return name === 'train' ? 1 : name === 'exchange' ? (1 + progress) / 2 : 0;
    case 'applying':
      return name === 'apply' ? 0.5 : 1;
    case 'finished':
      return 1;
    default:
      return 0;
  }
}

customElements.define('mm-round-dial', RoundDial);
