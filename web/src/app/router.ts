/** Where the page is, as a value. The address bar is the only place it is kept. */
export type Route =
  | { readonly view: 'federations' }
  | { readonly view: 'federation'; readonly id: string; readonly query: FederationQuery }
  | { readonly view: 'data' }
  | { readonly view: 'dataset'; readonly id: string }
  | {
      readonly view: 'calculator';
      /** Whose policy to begin with. */
      readonly federation: string | undefined;
      /** How many examples a participant of it has. */
      readonly examples: number | undefined;
    }
  | { readonly view: 'model'; readonly id: string }
  | { readonly view: 'settings' }
  /** `part`: what of the section, such as a federation or a training. */
  | { readonly view: 'operator'; readonly section: string; readonly part: string | undefined }
  | { readonly view: 'not-found'; readonly path: string };

/** What a link to a federation may ask the page to do; shown to the person before and while it is done. */
export interface FederationQuery {
  readonly kiosk: boolean;
  readonly autojoin: boolean;
  readonly sample: number | undefined;
  readonly examples: number;
  readonly split: 'iid' | 'label';
  readonly paths: readonly ('direct' | 'relay' | 'server')[] | undefined;
}

const MAX_CALCULATED_EXAMPLES = 999_999_999;
const OPAQUE_ID = /^[\w-]{1,64}$/;
const FEDERATION_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
const DEFAULT_SAMPLE_EXAMPLES = 1000;
const MAX_SAMPLE_EXAMPLES = 60_000;
const PATHS = ['direct', 'relay', 'server'] as const;

export function parseRoute(url: URL): Route {
  const [first, second, ...rest] = url.pathname.split('/').filter((part) => part !== '');
  const missing: Route = { view: 'not-found', path: url.pathname };
  if (first === 'operator' && rest.length <= 1) {
    const [part] = rest;
    if ([second, part].every((text) => text === undefined || OPAQUE_ID.test(text)))
      return { view: 'operator', section: second ?? 'runs', part };
  }
  if (rest.length > 0) return missing;
  if (second === undefined) {
    if (first === undefined) return { view: 'federations' };
    if (first === 'data' || first === 'settings') return { view: first };
    if (first === 'privacy') return { view: 'calculator', ...parseCalculator(url.searchParams) };
    return missing;
  }
  if (first === 'data') return OPAQUE_ID.test(second) ? { view: 'dataset', id: second } : missing;
  if (!FEDERATION_ID.test(second)) return missing;
  if (first === 'f') return { view: 'federation', id: second, query: parseQuery(url.searchParams) };
  if (first === 'model') return { view: 'model', id: second };
  return missing;
}

/** Anything that is not one of the known values is taken as absent: a link cannot break the page. */
export function parseQuery(query: URLSearchParams): FederationQuery {
  const paths = PATHS.filter((path) => query.get('paths')?.split(',').includes(path));
  return {
    kiosk: query.has('kiosk') && query.get('kiosk') !== '0',
    autojoin: query.get('autojoin') === '1',
    sample: integer(query.get('sample'), 0, 999),
    examples: integer(query.get('examples'), 1, MAX_SAMPLE_EXAMPLES) ?? DEFAULT_SAMPLE_EXAMPLES,
    split: query.get('split') === 'label' ? 'label' : 'iid',
    paths: paths.length === 0 ? undefined : paths,
  };
}

function parseCalculator(query: URLSearchParams) {
  const federation = query.get('federation');
  return {
    federation: federation !== null && FEDERATION_ID.test(federation) ? federation : undefined,
    examples: integer(query.get('examples'), 1, MAX_CALCULATED_EXAMPLES),
  };
}

function integer(text: string | null, min: number, max: number): number | undefined {
  if (text === null || !/^\d{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/** Turns clicks on links of this page into route changes, without loading the page again. */
export class Router {
  readonly #onChange: (route: Route) => void;
  readonly #stop = new AbortController();

  constructor(onChange: (route: Route) => void) {
    this.#onChange = onChange;
    const { signal } = this.#stop;
    window.addEventListener('popstate', () => this.#changed(), { signal });
    document.addEventListener('click', (event) => this.#clicked(event), { signal });
  }

  get route(): Route {
    return parseRoute(new URL(location.href));
  }

  go(path: string): void {
    history.pushState(null, '', path);
    window.scrollTo(0, 0);
    this.#changed();
  }

  stop(): void {
    this.#stop.abort();
  }

  #changed(): void {
    this.#onChange(this.route);
  }

  #clicked(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
    if (link === undefined || link.target !== '' || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || url.hash !== '') return;
    event.preventDefault();
    this.go(url.pathname + url.search);
  }
}

/** Asks the page to go elsewhere, from anywhere inside it. */
export function navigate(from: EventTarget, path: string): void {
  from.dispatchEvent(new CustomEvent('mm-navigate', { detail: path, bubbles: true, composed: true }));
}
