import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALERT_KINDS } from '../alerts/alert.ts';
import { findProgram, withoutWaiting } from '../testing/prometheus.ts';
import { createMetrics } from './metrics.ts';

const run = promisify(execFile);
const DEPLOY = resolve(import.meta.dirname, '../../deploy');
const RULES = join(DEPLOY, 'prometheus', 'alerts.yml');
const DASHBOARDS = ['federation', 'privacy', 'security', 'system'];
/** Prometheus has it of itself. */
const BUILT_IN = ['up'];

const promtool = findProgram('promtool');
const amtool = findProgram('amtool');

/** Names of metrics in an expression of PromQL: words that are neither functions, labels, keywords nor within quotes. */
function metricsIn(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replace(/\b(?:and|or|unless|bool|offset)\b/g, ' ');
  return [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\()\b/g)]
    .filter(({ 0: word, index }) => !/^\s*\(/.test(bare.slice(index + word.length)))
    .map(({ 0: word }) => word);
}

/** Values of these keys, anywhere in a document of Grafana's. */
function expressionsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(expressionsIn);
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === 'expr' && typeof value === 'string' ? [value] : expressionsIn(value),
  );
}

const readDashboard = async (name: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(DEPLOY, 'grafana', 'dashboards', `${name}.json`), 'utf8'));

async function ruleExpressions(): Promise<string[]> {
  const rules = await readFile(RULES, 'utf8');
  return [...rules.matchAll(/^\s+expr: (.+)$/gm)].map((match) => match[1]!);
}

function registered(): Set<string> {
  const metrics = createMetrics({ backlogThreshold: 1 });
  const names = metrics.names();
  metrics.close();
  return new Set([
    ...BUILT_IN,
    ...names,
    ...names.flatMap((name) => ['_bucket', '_sum', '_count'].map((end) => name + end)),
  ]);
}

describe('rules and dashboards ask for what there is', () => {
  test('names are found as PromQL has them', () => {
    expect(
      metricsIn('60 * sum by (le, route) (rate(a_bucket{x="b or c"}[5m])) / max(d) >= 0.8 <= 1 or vector(0)'),
    ).toEqual(['a_bucket', 'd']);
    expect(metricsIn('a - on (instance) b{job="c"} unless e')).toEqual(['a', 'b', 'e']);
  });

  test('alert rules', async () => {
    const expressions = await ruleExpressions();
    expect(expressions).toHaveLength(14);
    const known = registered();
    for (const expression of expressions) {
      const names = metricsIn(expression);
      expect(names).not.toEqual([]);
      for (const name of names) expect(known, expression).toContain(name);
    }
  });

  test.each(DASHBOARDS)('dashboard %s', async (name) => {
    const expressions = expressionsIn(await readDashboard(name));
    expect(expressions.length).toBeGreaterThan(8);
    const known = registered();
    for (const expression of expressions) {
      const names = metricsIn(expression);
      expect(names).not.toEqual([]);
      for (const metric of names) expect(known, expression).toContain(metric);
    }
  });

  test('every condition of the app has a rule', async () => {
    const rules = await readFile(RULES, 'utf8');
    // A budget's `kind` says whose it is.
    const ofBudgets = { 'budget-near': 'HighPrivacyBudgetUsage', 'budget-exceeded': 'PrivacyBudgetExceeded' };
    for (const kind of ALERT_KINDS)
      expect(rules).toContain(
        kind in ofBudgets ? `alert: ${ofBudgets[kind as 'budget-near']}` : `kind: ${kind}`,
      );
  });

  test('every rule has a test, and waiting is all that the tests with a real Prometheus take away', async () => {
    const rules = await readFile(RULES, 'utf8');
    const tests = await readFile(join(DEPLOY, 'prometheus', 'alerts.test.yml'), 'utf8');
    const names = [...rules.matchAll(/- alert: (\w+)/g)].map((match) => match[1]!);
    for (const name of names) expect(tests).toContain(`- name: ${name}\n`);
    expect(withoutWaiting(rules).replace(/ for: 0s/g, '')).toBe(rules.replace(/ for: \d+[ms]/g, ''));
    expect(withoutWaiting(rules)).not.toMatch(/for: [1-9]/);
  });
});

describe('dashboards', () => {
  test.each(DASHBOARDS)('%s: panels have ids and places of their own', async (name) => {
    const { panels, uid, schemaVersion } = (await readDashboard(name)) as {
      uid: string;
      schemaVersion: number;
      panels: { id: number; title: string; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    expect(uid).toMatch(/^[\w-]{1,40}$/);
    expect(schemaVersion).toBeGreaterThan(30);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });
});

if (promtool === undefined || amtool === undefined) {
  test('promtool or amtool is not installed here: rules were read, not run', () => {
    console.warn(
      'No promtool or amtool found: deploy/ was NOT checked by them. Install prometheus-alertmanager.',
    );
    expect(findProgram('promtool') === undefined || findProgram('amtool') === undefined).toBe(true);
  });
} else {
  describe('by the tools of Prometheus', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
    });
    afterAll(() => rm(folder, { recursive: true }));

    test('the configuration, with its rules, is right', async () => {
      const { stdout } = await run(promtool, [
        'check',
        'config',
        join(DEPLOY, 'prometheus', 'prometheus.yml'),
      ]);
      expect(stdout).toMatch(/14 rules found/);
    });

    test('each rule waits, fires and is over as its test says', async () => {
      const { stdout } = await run(promtool, [
        'test',
        'rules',
        join(DEPLOY, 'prometheus', 'alerts.test.yml'),
      ]);
      expect(stdout).toMatch(/SUCCESS/);
    });

    test('every expression of the dashboards is PromQL', async () => {
      const expressions = (await Promise.all(DASHBOARDS.map(readDashboard))).flatMap(expressionsIn);
      const rules = expressions.map((expression, i) => ({
        record: `panel:${i}`,
        expr: expression.replaceAll('$__rate_interval', '5m').replaceAll('$federation', '.*'),
      }));
      const file = join(folder, 'panels.yml');
      await writeFile(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
      const { stdout } = await run(promtool, ['check', 'rules', file]);
      expect(stdout).toContain(`${rules.length} rules found`);
    });

    test('Alertmanager takes its configuration', async () => {
      const { stdout } = await run(amtool, [
        'check-config',
        join(DEPLOY, 'alertmanager', 'alertmanager.yml'),
      ]);
      expect(stdout).toMatch(/SUCCESS/);
    });
  });
}
