import { html, LitElement, nothing } from 'lit';
import type { RoundRecord } from '../../../shared/wire/index.ts';
import { formatDuration, formatLoss, formatPercent, shortHash } from '../app/format.ts';
import { shared } from '../styles/shared.ts';

const SHOWN = 50;

/** Every number of the charts, newest first: for reading, and for those who do not see charts. */
export class RoundsTable extends LitElement {
  static override properties = { records: { attribute: false } };
  declare records: readonly RoundRecord[];
  static override styles = [shared];

  override render() {
    const { records } = this;
    const newest = records.slice(-SHOWN).reverse();
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Rounds"><table data-testid="rounds">
      <caption class="small soft">${records.length > SHOWN ? `The newest ${SHOWN} of ${records.length} rounds.` : 'Newest first.'}</caption>
      <thead><tr>
        <th scope="col" class="number">Round</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Loss</th>
        <th scope="col" class="number">In the sum</th><th scope="col" class="number">Training</th>
        <th scope="col" class="number">Exchange</th><th scope="col">Model</th>
      </tr></thead>
      <tbody>
        ${newest.map(({ round, evaluation, survivors, dropped, trainMs, exchangeMs, hash }) => {
          const measured = evaluation !== null && evaluation.total > 0;
          return html`<tr>
            <th scope="row" class="number">${round}</th>
            <td class="number">${measured ? formatPercent(evaluation.correct / evaluation.total) : '–'}</td>
            <td class="number">${measured ? formatLoss(evaluation.lossSum / evaluation.total) : '–'}</td>
            <td class="number">${survivors.length}${dropped.length === 0 ? nothing : ` of ${survivors.length + dropped.length}`}</td>
            <td class="number">${formatDuration(trainMs)}</td>
            <td class="number">${formatDuration(exchangeMs)}</td>
            <td class="mono">${shortHash(hash)}</td>
          </tr>`;
        })}
      </tbody>
    </table></div>`;
  }
}

customElements.define('mm-rounds-table', RoundsTable);
