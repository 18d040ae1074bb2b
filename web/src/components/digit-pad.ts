import { css, html, LitElement } from 'lit';
import type { GreyImage } from '../app/digit-image.ts';
import { shared } from '../styles/shared.ts';

const SIDE = 280;
const STROKE = 22;

/** A sheet to draw on, by finger, pen or mouse. Fires `drawing` after each stroke with the grey image. */
export class DigitPad extends LitElement {
  #last: { x: number; y: number } | undefined;

  static override styles = [
    shared,
    css`
      canvas { display: block; width: 100%; max-width: ${SIDE}px; aspect-ratio: 1; border-radius: var(--radius); background: #000; touch-action: none; cursor: crosshair; }
      .pad { display: grid; justify-items: start; gap: var(--space-3); }
    `,
  ];

  override firstUpdated(): void {
    this.clear();
  }

  override render() {
    return html`<div class="pad">
      <canvas width=${SIDE} height=${SIDE} role="img" aria-label="Drawing area. Without a pointer, choose an image below instead." data-testid="digit-pad"
        @pointerdown=${this.#down} @pointermove=${this.#move} @pointerup=${this.#up} @pointercancel=${this.#up}></canvas>
      <button @click=${() => {
        this.clear();
        this.dispatchEvent(new Event('clear'));
      }}>Clear</button>
    </div>`;
  }

  clear(): void {
    const context = this.#context();
    context.fillStyle = '#000';
    context.fillRect(0, 0, SIDE, SIDE);
  }

  #context(): CanvasRenderingContext2D {
    return this.renderRoot.querySelector('canvas')!.getContext('2d', { willReadFrequently: true })!;
  }

  #down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    (event.target as HTMLCanvasElement).setPointerCapture(event.pointerId);
    this.#last = this.#at(event);
    this.#line(this.#last, this.#last);
  };

  #move = (event: PointerEvent): void => {
    if (this.#last === undefined) return;
    for (const moved of event.getCoalescedEvents?.() ?? [event]) {
      const next = this.#at(moved);
      this.#line(this.#last, next);
      this.#last = next;
    }
  };

  #up = (): void => {
    if (this.#last === undefined) return;
    this.#last = undefined;
    const { data } = this.#context().getImageData(0, 0, SIDE, SIDE);
    const pixels = new Uint8Array(SIDE * SIDE);
    for (let i = 0; i < pixels.length; i++) pixels[i] = data[4 * i]!;
    const detail: GreyImage = { width: SIDE, height: SIDE, pixels };
    this.dispatchEvent(new CustomEvent<GreyImage>('drawing', { detail }));
  };

  #at(event: PointerEvent): { x: number; y: number } {
    const canvas = this.renderRoot.querySelector('canvas')!;
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return { x: ((event.clientX - left) * SIDE) / width, y: ((event.clientY - top) * SIDE) / height };
  }

  #line(from: { x: number; y: number }, to: { x: number; y: number }): void {
    const context = this.#context();
    context.strokeStyle = '#fff';
    context.lineWidth = STROKE;
    context.lineCap = 'round';
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }
}

customElements.define('mm-digit-pad', DigitPad);
