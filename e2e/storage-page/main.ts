import { storeCases } from '../../shared/testing/store-cases.ts';
import * as data from '../../web/src/data/index.ts';
import * as storage from '../../web/src/storage/index.ts';

/** A page without a page: what the browser stores and imports, for storage.spec.ts to call. */
Object.assign(window, { storeCases, data, storage });
document.title = 'ready';
