import { css } from 'lit';

/** The outline that views share: a heading block, then sections. */
export const viewStyles = css`
  .view { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-5); }
  .view-header { display: grid; gap: var(--space-3); }
  .section { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--space-4); }
  .empty { display: grid; justify-items: center; gap: var(--space-3); padding: var(--space-6) var(--space-4); text-align: center; }
  .empty mm-flock { width: min(20rem, 80%); }
  .crumb { display: inline-flex; align-items: center; min-height: var(--touch); font-size: 0.9375rem; font-weight: 600; text-decoration: none; }
  .crumb:hover { text-decoration: underline; }
`;
