import { css, html, LitElement, nothing } from 'lit';
import './digit-pad.ts';
import './error-note.ts';
import { encodeImage } from '../../../shared/dataset/image.ts';
import type { ErrorRecord } from '../../../shared/errors/index.ts';
import type { ImageSchema } from '../../../shared/federation/index.ts';
import { centreDrawing, type GreyImage, lightOnDark } from '../app/digit-image.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

/** Larger pictures are scaled down while they are decoded. */
const MAX_SIDE = 1024;

/** An image for the model: drawn (for digits), chosen or dropped. Fires `input-ready` with the pixels, or null. */
export class ImageInput extends LitElement {
  static override properties = {
    schema: { attribute: false },
    error: { state: true },
    over: { state: true },
  };
  declare schema: ImageSchema;
  declare error: ErrorRecord | undefined;
  declare over: boolean;

  static override styles = [
    shared,
    css`
      .drop { display: grid; gap: var(--space-3); padding: var(--space-4); border: 2px dashed var(--line-strong); border-radius: var(--radius); justify-items: start; }
      .drop.over { border-color: var(--accent); background: var(--accent-soft); }
      .seen { display: flex; align-items: center; gap: var(--space-3); }
      .seen canvas { width: 72px; border-radius: var(--radius-small); image-rendering: pixelated; background: #000; }
    `,
  ];

  override render() {
    const drawable = this.schema.sample === 'digits';
    return html`<div class="stack">
      ${drawable ? html`<mm-digit-pad @drawing=${this.#drawn} @clear=${() => this.#ready(undefined)}></mm-digit-pad>` : nothing}
      <div class="drop ${this.over ? 'over' : ''}" @dragover=${this.#dragOver} @dragleave=${this.#dragLeave} @drop=${this.#drop}>
        <p class="soft">${drawable ? 'Or drop a picture of one digit here.' : 'Drop an image here.'}</p>
        <button @click=${() => this.renderRoot.querySelector<HTMLInputElement>('#file')!.click()} data-testid="choose-image">${icon('upload')} Choose an image</button>
        <input id="file" type="file" accept="image/*" hidden @change=${this.#chosen} data-testid="image-file" />
      </div>
      <mm-error-note .error=${this.error}></mm-error-note>
      <div class="seen"><canvas role="img" aria-label="What the model is given" width=${this.schema.width} height=${this.schema.height}></canvas>
        <p class="small soft">What the model is given: ${this.schema.width} × ${this.schema.height} pixels</p></div>
    </div>`;
  }

  #drawn = ({ detail }: CustomEvent<GreyImage>): void => {
    this.error = undefined;
    this.#ready(centreDrawing(detail, this.schema.width, this.schema.height)?.pixels);
  };

  #dragOver = (event: DragEvent): void => {
    event.preventDefault();
    this.over = true;
  };

  #dragLeave = (): void => {
    this.over = false;
  };

  #drop = (event: DragEvent): void => {
    event.preventDefault();
    this.over = false;
    void this.#read(event.dataTransfer?.files[0]);
  };

  #chosen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    void this.#read(input.files?.[0]);
    input.value = '';
  };

  async #read(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    this.error = undefined;
    try {
      const { schema } = this;
      const pixels = encodeImage(await decode(file), schema);
      const digits = schema.sample === 'digits';
      const image = {
        width: schema.width,
        height: schema.height,
        pixels: digits ? lightOnDark(pixels) : pixels,
      };
      this.#ready(digits ? centreDrawing(image, schema.width, schema.height)?.pixels : pixels);
    } catch (error) {
      console.warn('The image was refused.', error);
      this.error = {
        code: 'data.unreadable',
        message: `${file.name} cannot be read as an image. Choose a PNG, JPEG or WebP file.`,
      };
      this.#ready(undefined);
    }
  }

  #ready(pixels: Uint8Array<ArrayBuffer> | undefined): void {
    const canvas = this.renderRoot.querySelector<HTMLCanvasElement>('.seen canvas')!;
    const context = canvas.getContext('2d')!;
    const { width, height, channels } = this.schema;
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let channel = 0; channel < 3; channel++)
        image.data[4 * i + channel] = pixels?.[channels * i + (channels === 1 ? 0 : channel)] ?? 0;
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    this.dispatchEvent(new CustomEvent<Uint8Array | null>('input-ready', { detail: pixels ?? null }));
  }
}

async function decode(file: File): Promise<{ width: number; height: number; rgba: Uint8ClampedArray }> {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const context = new OffscreenCanvas(width, height).getContext('2d')!;
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { width, height, rgba: context.getImageData(0, 0, width, height).data };
}

customElements.define('mm-image-input', ImageInput);
