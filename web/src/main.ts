import { createServices } from './app/real-services.ts';
import { startApp } from './app/start.ts';

startApp(await createServices());
