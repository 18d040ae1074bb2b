import { css, html, LitElement, nothing } from 'lit';
import type { RoundRecord } from '../../../shared/wire/index.ts';
import { formatDuration, formatLoss, formatPercent, shortHash } from '../app/format.ts';
import { securedWords } from '../app/secure-words.ts';
import { wentBackWords } from '../app/session-words.ts';
import { shared } from '../styles/shared.ts';
import { icon } from './icons.ts';

const SHOWN = 50;

/** Every number of the charts, newest first: for reading, and for those who do not see charts. */
export class RoundsTable extends LitElement {
  static override properties = { records: { attribute: false } };
  declare records: readonly RoundRecord[];
  static override styles = [
    shared,
    css`
      td.mono { overflow-wrap: normal; }
      .secure { position: relative; display: inline-flex; align-items: center; gap: 4px; color: var(--good); white-space: nowrap; }
      .back { color: var(--warn); }
      .secure svg { width: 16px; height: 16px; }
    `,
  ];

  override render() {
    const { records } = this;
    const newest = records.slice(-SHOWN).reverse();
    const someSecure = records.some((record) => securedWords(record) !== undefined);
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Rounds"><table data-testid="rounds">
      <caption class="small soft">${records.length > SHOWN ? `The newest ${SHOWN} of ${records.length} rounds.` : 'Newest first.'}</caption>
      <thead><tr>
        <th scope="col" class="number">Round</th><th scope="col" class="number">Accuracy</th><th scope="col" class="number">Loss</th>
        <th scope="col" class="number">In the sum</th>${someSecure ? html`<th scope="col">Secure</th>` : nothing}<th scope="col" class="number">Training</th>
        <th scope="col" class="number">Exchange</th><th scope="col">Model</th>
      </tr></thead>
      <tbody>
        ${newest.map((record) => {
          const { round, evaluation, survivors, dropped, trainMs, exchangeMs, hash } = record;
          const back = wentBackWords(record);
          const measured = evaluation !== null && evaluation.total > 0;
          return html`<tr data-testid="round-row" data-round=${round} data-back=${record.rollback?.to ?? nothing}>
            <th scope="row" class="number">${round}</th>
            <td class="number">${measured ? formatPercent(evaluation.correct / evaluation.total) : '–'}</td>
            <td class="number">${measured ? formatLoss(evaluation.lossSum / evaluation.total) : '–'}</td>
            ${
              back === undefined
                ? nothing
                : html`<td colspan=${someSecure ? 4 : 3}><span class="back">${back}</span></td><td class="mono">${shortHash(hash)}</td>`
            }
            ${
              back !== undefined
                ? nothing
                : html`
            <td class="number">${survivors.length}${dropped.length === 0 ? nothing : ` of ${survivors.length + dropped.length}`}</td>
            ${someSecure ? html`<td>${secured(record)}</td>` : nothing}
            <td class="number">${formatDuration(trainMs)}</td>
            <td class="number">${formatDuration(exchangeMs)}</td>
            <td class="mono">${shortHash(hash)}</td>`
            }
          </tr>`;
        })}
      </tbody>
    </table></div>`;
  }
}

function secured(record: RoundRecord) {
  const words = securedWords(record);
  if (words === undefined) return html`<span class="soft">no</span>`;
  return html`<span class="secure" title=${words}>${icon('lock')}<span aria-hidden="true">${record.secure?.confirmations} of ${record.survivors.length}</span><span class="visually-hidden">${words}</span></span>`;
}

customElements.define('mm-rounds-table', RoundsTable);
