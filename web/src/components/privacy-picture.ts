import { css, html, LitElement, nothing, svg } from 'lit';
import type { Federation } from '../../../shared/federation/index.ts';
import { pictureWords } from '../app/privacy-words.ts';

/** Updates of three devices, 18 coordinates each, −1 to 1: made up, and the sum drawn below is theirs. */
const UPDATES = [
  [0.9, 0.5, -0.3, -0.8, 0.2, 0.7, 0.4, -0.2, -0.6, 0.1, 0.8, 0.3, -0.5, -0.9, -0.2, 0.3, 0.6, 0.2],
  [0.6, 0.8, 0.1, -0.5, -0.3, 0.4, 0.7, 0.2, -0.8, -0.4, 0.5, 0.6, -0.1, -0.6, -0.7, 0.1, 0.3, 0.7],
  [0.7, 0.2, -0.6, -0.7, 0.4, 0.9, 0.1, -0.5, -0.3, 0.3, 0.4, 0.8, -0.7, -0.4, 0.1, 0.5, 0.8, -0.1],
] as const;
/** Fixed draws of a die of 100, so that the picture of noise is the same at every visit. */
const NOISE = [
  [71, 8, 54, 93, 22, 38, 85, 3, 61, 47, 99, 15, 32, 78, 6, 66, 91, 27],
  [12, 88, 35, 5, 97, 59, 19, 74, 44, 81, 2, 63, 95, 29, 51, 10, 40, 83],
  [57, 24, 90, 68, 13, 79, 1, 48, 96, 31, 70, 42, 9, 86, 37, 98, 20, 64],
] as const;
const DEVICES = ['You', 'Device B', 'Device C'];

const WIDTH = 360;
const TILE = 110;
const STEP = 125;
const PARTS = [0, 1, 2] as const;
const COORDINATES = 18;
const PER_PART = COORDINATES / PARTS.length;

/**
 * What is visible where: the update on its device, what the owners see of it, the sum. Its words are read out; the
 * panel beside it says the same at length.
 */
export class PrivacyPicture extends LitElement {
  static override properties = { federation: { attribute: false } };
  declare federation: Federation;

  static override styles = css`
    :host { display: block; }
    svg { display: block; width: 100%; height: auto; }
    text { fill: var(--ink); font: 600 13px var(--font); }
    .name { fill: var(--ink-soft); font-weight: 500; font-size: 12px; }
    .step { fill: var(--ink-soft); font-weight: 500; font-size: 13px; }
    .tile { fill: var(--sunken); }
    .way { stroke: var(--line-strong); stroke-width: 1; opacity: 0.55; }
    .pill { fill: var(--surface); stroke: var(--line); }
    .d0 { fill: var(--accent); }
    .d1, .d2 { fill: var(--line-strong); }
    .sum { fill: var(--shared); }
    .axis { stroke: var(--line-strong); stroke-width: 1; opacity: 0.4; }
  `;

  override render() {
    const words = pictureWords(this.federation);
    return html`<svg viewBox="0 0 ${WIDTH} 396" role="img" aria-labelledby="title description">
      <title id="title">${words.title}</title>
      <desc id="description">${words.description}</desc>
      <text x="0" y="14">On each device, seen there only: its update</text>
      ${PARTS.map((device) => this.#device(device))}
      ${PARTS.map((device) => (words.oneOwner ? way(device, 96, 1, 148) : PARTS.map((owner) => way(device, 96, owner, 148))))}
      ${pill(122, words.before)}
      <text x="0" y="166">${words.owners}</text>
      ${words.oneOwner ? this.#wideOwner(words.look) : PARTS.map((owner) => this.#owner(owner, words.look))}
      ${words.oneOwner ? way(1, 260, 1, 306) : PARTS.map((owner) => way(owner, 260, owner, 306))}
      ${pill(283, words.adding)}
      <text x="0" y="324">${words.sum}</text>
      ${sum(words.noisy)}
    </svg>`;
  }

  #device(device: (typeof PARTS)[number]) {
    const left = device * STEP;
    return svg`<rect class="tile" x=${left} y="24" width=${TILE} height="72" rx="8" />
      <text class="name" x=${left + 8} y="41">${DEVICES[device]}</text>
      ${bars(UPDATES[device], `d${device}`, left + 8, TILE - 16, 69, 22)}`;
  }

  #owner(owner: (typeof PARTS)[number], look: Look) {
    const left = owner * STEP;
    return svg`<rect class="tile" x=${left} y="176" width=${TILE} height="84" rx="8" />
      <text class="name" x=${left + 8} y="193">Owner ${owner + 1}</text>
      ${PARTS.map((device) => seen(look, device, owner * PER_PART, PER_PART, left + 8, TILE - 16))}`;
  }

  #wideOwner(look: Look) {
    return svg`<rect class="tile" x="0" y="176" width=${WIDTH} height="84" rx="8" />
      <text class="name" x="8" y="193">The server</text>
      ${PARTS.map((device) => seen(look, device, 0, COORDINATES, 8, WIDTH - 16))}`;
  }
}

type Look = ReturnType<typeof pictureWords>['look'];

/** One device's numbers as an owner has them: as they are, with noise, or masked, when every value is as likely as any. */
function seen(
  look: Look,
  device: (typeof PARTS)[number],
  from: number,
  count: number,
  left: number,
  width: number,
) {
  const top = 199 + device * 20;
  const noise = NOISE[device].slice(from, from + count);
  if (look === 'masked') {
    const cell = width / (count * 2);
    return noise
      .flatMap((draw) => [draw, (draw * 37 + 11) % 100])
      .map(
        (draw, i) =>
          svg`<rect class="d${device}" x=${(left + i * cell).toFixed(1)} y=${top} width=${(cell - 0.6).toFixed(1)} height="15" opacity=${(0.08 + draw / 110).toFixed(2)} />`,
      );
  }
  const values: readonly number[] = UPDATES[device].slice(from, from + count);
  const shown = look === 'clear' ? values : values.map((value, i) => value + jitter(noise[i]!));
  return bars(shown, `d${device}`, left, width, top + 8, 9);
}

function jitter(draw: number): number {
  return (draw - 50) / 70;
}

function sum(noisy: boolean) {
  const total = UPDATES[0].map((value, i) => {
    const noise = NOISE.reduce((all, draws) => all + jitter(draws[i]!), 0);
    return (value + UPDATES[1][i]! + UPDATES[2][i]! + (noisy ? noise : 0)) / 3;
  });
  return svg`<rect class="tile" x="0" y="334" width=${WIDTH} height="62" rx="8" />${bars(total, 'sum', 8, WIDTH - 16, 365, 26)}`;
}

/** Values as bars, cut off at −1 and 1, up and down from `middle`. */
function bars(
  values: readonly number[],
  kind: string,
  left: number,
  width: number,
  middle: number,
  reach: number,
) {
  const pitch = width / values.length;
  const rects = values.map((value, i) => {
    const height = Math.max(1, Math.min(1, Math.abs(value)) * reach);
    const top = value < 0 ? middle : middle - height;
    return svg`<rect class=${kind} x=${(left + i * pitch + pitch * 0.15).toFixed(1)} y=${top.toFixed(1)} width=${(pitch * 0.7).toFixed(1)} height=${height.toFixed(1)} rx="0.8" />`;
  });
  return svg`<line class="axis" x1=${left} x2=${left + width} y1=${middle} y2=${middle} />${rects}`;
}

/** From one column of tiles down to another. */
function way(from: number, top: number, to: number, bottom: number) {
  const centre = (column: number): number => column * STEP + TILE / 2;
  return svg`<line class="way" x1=${centre(from)} y1=${top} x2=${centre(to)} y2=${bottom} />`;
}

function pill(middle: number, text: string) {
  if (text === '') return nothing;
  const width = text.length * 7 + 24;
  return svg`<rect class="pill" x=${(WIDTH - width) / 2} y=${middle - 13} width=${width} height="26" rx="13" />
    <text class="step" x=${WIDTH / 2} y=${middle + 4.5} text-anchor="middle">${text}</text>`;
}

customElements.define('mm-privacy-picture', PrivacyPicture);
