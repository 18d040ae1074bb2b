import { css, html, LitElement, nothing } from 'lit';
import type { Column, RecordsSchema, TabularSchema, TokensSchema } from '../../../shared/federation/index.ts';
import type { ModelInput } from '../app/services.ts';
import { isText } from '../app/token-input.ts';
import { shared } from '../styles/shared.ts';

/** A form made from the federation's columns. Fires `input-ready` with what was filled in. */
export class FormInput extends LitElement {
  static override properties = { schema: { attribute: false } };
  declare schema: TabularSchema | RecordsSchema | TokensSchema;

  static override styles = [
    shared,
    css`
      .fields { display: grid; gap: var(--space-3) var(--space-4); grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); }
      .hint { font-size: var(--text-small); color: var(--ink-soft); }
    `,
  ];

  override render() {
    return html`<form class="stack" @submit=${this.#submit}>
      ${
        this.schema.kind === 'tabular'
          ? html`<div class="fields">${this.schema.columns.map((column, index) => field(column, index))}</div>`
          : numbersField(this.schema)
      }
      <div><button class="primary" data-testid="predict">Predict</button></div>
    </form>`;
  }

  #submit = (event: Event): void => {
    event.preventDefault();
    this.dispatchEvent(new CustomEvent<ModelInput>('input-ready', { detail: this.#input() }));
  };

  #input(): ModelInput {
    const { schema } = this;
    if (schema.kind !== 'tabular') {
      const text = this.renderRoot.querySelector('textarea')!.value;
      if (schema.kind === 'records') return { kind: 'records', features: numbersIn(text) };
      return {
        kind: 'tokens',
        tokens: isText(schema) ? [...new TextEncoder().encode(text)] : numbersIn(text),
      };
    }
    const controls = this.renderRoot.querySelectorAll<HTMLInputElement | HTMLSelectElement>('[data-column]');
    return {
      kind: 'tabular',
      cells: Object.fromEntries(
        [...controls].map((control, index) => [schema.columns[index]!.name, control.value]),
      ),
    };
  }
}

function numbersIn(text: string): number[] {
  return text
    .split(/[\s,;[\]]+/)
    .filter((part) => part !== '')
    .map(Number);
}

function numbersField(schema: RecordsSchema | TokensSchema) {
  const [name, hint] =
    schema.kind === 'records'
      ? ['Features', `${schema.features} numbers, separated by commas or spaces.`]
      : isText(schema)
        ? ['Text', `The model says which byte comes next. It sees the last ${schema.length}.`]
        : schema.target.type === 'next'
          ? ['Tokens', `Ids, separated by commas or spaces; the model sees the last ${schema.length}.`]
          : ['Tokens', `${schema.length} ids, separated by commas or spaces.`];
  return html`<div><label for="features">${name}</label>
    <textarea id="features" rows="4" required data-testid="features" aria-describedby="features-hint"></textarea>
    <p class="hint" id="features-hint">${hint}</p></div>`;
}

function field(column: Column, index: number) {
  const id = `column-${index}`;
  if (column.type === 'category')
    return html`<div><label for=${id}>${column.name}</label>
      <select id=${id} data-column>${column.optional ? html`<option value="">Not known</option>` : nothing}
        ${column.values.map((value) => html`<option value=${value}>${value}</option>`)}</select></div>`;
  const { min, max, missing } = column;
  const range = min === undefined || max === undefined ? undefined : `${min} to ${max}`;
  return html`<div><label for=${id}>${column.name}</label>
    <input id=${id} data-column type="number" step="any" min=${min ?? nothing} max=${max ?? nothing} ?required=${missing === undefined}
      aria-describedby=${range === undefined ? nothing : `${id}-hint`} />
    ${range === undefined ? nothing : html`<p class="hint" id="${id}-hint">${range}</p>`}</div>`;
}

customElements.define('mm-form-input', FormInput);
