import { html, type TemplateResult } from 'lit';
import type { Services } from '../app/services.ts';
import type { OperatorSession } from './operator-session.ts';

export interface SectionContext {
  readonly services: Services;
  readonly operator: OperatorSession;
  readonly about: string | undefined;
}

export interface Section {
  readonly id: string;
  readonly label: string;
  /** What it takes to see anything of it. */
  readonly scope: string;
  /** Only for credentials that reach the server as a whole. */
  readonly isServerWide?: true;
  readonly load: () => Promise<unknown>;
  readonly render: (context: SectionContext) => TemplateResult;
}

/** In the order of the navigation. Each is loaded when it is first opened. */
export const SECTIONS: readonly Section[] = [
  {
    id: 'runs',
    label: 'Runs',
    scope: 'training:read',
    load: () => import('./runs-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-runs .services=${services} .operator=${operator} .about=${about}></mm-operator-runs>`,
  },
  {
    id: 'participants',
    label: 'Participants',
    scope: 'training:read',
    load: () => import('./participants-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-participants .services=${services} .operator=${operator} .about=${about}></mm-operator-participants>`,
  },
  {
    id: 'versions',
    label: 'Versions',
    scope: 'model:read',
    load: () => import('./versions-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-versions .services=${services} .operator=${operator} .about=${about}></mm-operator-versions>`,
  },
  {
    id: 'privacy',
    label: 'Privacy',
    scope: 'training:read',
    load: () => import('./privacy-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-privacy .services=${services} .operator=${operator} .about=${about}></mm-operator-privacy>`,
  },
  {
    id: 'alerts',
    label: 'Alerts',
    scope: 'alert:read',
    load: () => import('./alerts-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-alerts .services=${services} .operator=${operator} .about=${about}></mm-operator-alerts>`,
  },
  {
    id: 'audit',
    label: 'Audit',
    scope: 'audit:read',
    isServerWide: true,
    load: () => import('./audit-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-audit .services=${services} .operator=${operator} .about=${about}></mm-operator-audit>`,
  },
  {
    id: 'keys',
    label: 'Keys',
    scope: 'access:read',
    load: () => import('./access-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-access .services=${services} .operator=${operator} .about=${about}></mm-operator-access>`,
  },
  {
    id: 'rights',
    label: 'Rights',
    scope: 'audit:read',
    isServerWide: true,
    load: () => import('./rights-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-rights .services=${services} .operator=${operator} .about=${about}></mm-operator-rights>`,
  },
  {
    id: 'incident',
    label: 'Incident',
    scope: 'system:read',
    isServerWide: true,
    load: () => import('./incident-section.ts'),
    render: ({ services, operator, about }) =>
      html`<mm-operator-incident .services=${services} .operator=${operator} .about=${about}></mm-operator-incident>`,
  },
];
