import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import { formatCount } from '../app/format.ts';
import type { ColumnSummary, DatasetSummary, PreviewImage } from '../app/services.ts';
import { shared } from '../styles/shared.ts';

const SHOWN_VALUES = 4;

/** The first examples and what each column holds. */
export class DatasetSummaryView extends LitElement {
  static override properties = { summary: { attribute: false } };
  declare summary: DatasetSummary;

  static override styles = [
    shared,
    css`
      .images { display: grid; gap: var(--space-3); list-style: none; grid-template-columns: repeat(auto-fill, minmax(56px, 1fr)); max-width: 44rem; }
      .images li { display: grid; gap: 2px; justify-items: center; font-size: var(--text-small); }
      canvas { width: 100%; border-radius: var(--radius-small); image-rendering: pixelated; background: #000; }
    `,
  ];

  override render() {
    const { preview, images, columns } = this.summary;
    return html`<div class="stack">
      ${
        images === undefined || images.length === 0
          ? nothing
          : html`<div class="stack-tight"><h3>First examples</h3>
              <ul class="images" role="list">${images.map(
                (image) =>
                  html`<li><canvas role="img" aria-label="Example labelled ${image.label}" width=${image.width} height=${image.height}></canvas>${image.label}</li>`,
              )}</ul></div>`
      }
      ${
        preview === undefined
          ? nothing
          : html`<div class="stack-tight"><h3>First rows</h3>
              <div class="table-scroll" tabindex="0" role="region" aria-label="First rows"><table>
                <thead><tr>${preview.columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
                <tbody>${preview.rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell === '' ? html`<span class="soft">missing</span>` : cell}</td>`)}</tr>`)}</tbody>
              </table></div></div>`
      }
      ${
        columns.length === 0
          ? nothing
          : html`<div class="stack-tight"><h3>Columns</h3>
              <div class="table-scroll" tabindex="0" role="region" aria-label="Columns"><table>
                <thead><tr><th scope="col">Column</th><th scope="col">Type</th><th scope="col">Values</th><th scope="col" class="number">Missing</th></tr></thead>
                <tbody>${columns.map(
                  (
                    column,
                  ) => html`<tr><th scope="row">${column.name}</th><td>${column.type === 'number' ? 'Number' : 'Category'}</td>
                    <td>${valuesOf(column)}</td><td class="number">${formatCount(column.missing)}</td></tr>`,
                )}</tbody>
              </table></div></div>`
      }
    </div>`;
  }

  override updated(_changed: PropertyValues): void {
    const canvases = this.renderRoot.querySelectorAll('canvas');
    this.summary.images?.forEach((image, index) => {
      paint(canvases[index]!, image);
    });
  }
}

function valuesOf({ range, counts, distinct }: ColumnSummary): string {
  const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
  if (range !== undefined)
    return `${number.format(range.min)} to ${number.format(range.max)}, mean ${number.format(range.mean)}`;
  if (counts === undefined) return '';
  const shown = counts.slice(0, SHOWN_VALUES).map(({ value, count }) => `${value} (${formatCount(count)})`);
  const others = (distinct ?? counts.length) - shown.length;
  return shown.join(', ') + (others > 0 ? `, ${formatCount(others)} more` : '');
}

function paint(canvas: HTMLCanvasElement, { width, height, channels, pixels }: PreviewImage): void {
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++)
      image.data[4 * i + channel] = pixels[channels * i + (channels === 1 ? 0 : channel)]!;
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}

customElements.define('mm-dataset-summary', DatasetSummaryView);
