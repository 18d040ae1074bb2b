import { startApp } from '../start.ts';
import { fakeServices, type Scenario } from './fake-services.ts';

/** Shows the page in the scenario that sessionStorage names; served in place of src/main.ts for pictures. */
startApp(fakeServices((sessionStorage.getItem('scenario') ?? 'usual') as Scenario));
