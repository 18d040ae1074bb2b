import AxeBuilder from '@axe-core/playwright';
import { test } from './harness/test.ts';
test('axe sees', async ({ server, page }) => {
  await page.goto(server.url);
  await page.getByTestId('federation').first().waitFor();
  await page.evaluate(() => { const v = document.querySelector('mm-federations-view')!.shadowRoot!; const b = v.querySelector('button')!; b.textContent = ''; (v.querySelector('.lead') as HTMLElement).style.color = '#ccc'; });
  const r = await new AxeBuilder({ page }).analyze();
  console.log(r.violations.map((x) => [x.id, x.nodes.map((n) => n.target)].flat(3)));
});
