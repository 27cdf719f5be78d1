import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MetricsServer } from '../src/monitoring/metrics-server.js';
import { TestApp } from './support/app.js';
import { readMetrics } from './support/metrics.js';

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
}

const read = (file: string): string => readFileSync(`deploy/monitoring/${file}`, 'utf8');
const RULES = read('latchkey.rules.yml');
const DASHBOARD = JSON.parse(read('grafana-dashboard.json')) as Dashboard;
const EXPRESSIONS = [
  ...[...RULES.matchAll(/^ +expr: (.+)$/gm)].map(([, expr]) => expr!),
  ...DASHBOARD.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
];
/** What Prometheus adds to each series by itself. */
const ADDED = /^(job|instance)=/;

let t: TestApp;
let series: string[];

beforeAll(async () => {
  t = await TestApp.start({ METRICS_ADDRESS: '127.0.0.1:0' });
  series = [...(await readMetrics((await t.nest.get(MetricsServer, { strict: false }).listen())!)).keys()];
});
afterAll(() => t.stop());

describe('the rules and the dashboard', () => {
  it('ask only for series that the service has', () => {
    const asked = EXPRESSIONS.flatMap((expr) => [
      ...expr.matchAll(/\b((?:latchkey|nodejs|process)_\w+)(?:\{([^}]*)\})?/g),
    ]);
    expect(asked.length).toBeGreaterThan(50);
    const missing = asked.filter(([, name, matchers = '']) => {
      const exact = matchers.split(',').filter((matcher) => /^\w+="/.test(matcher) && !ADDED.test(matcher));
      return !series.some((one) => one.replace(/\{.*/, '') === name && exact.every((matcher) => one.includes(matcher)));
    });
    expect(missing.map(([text]) => text)).toEqual([]);
  });

  it('ask only for recorded series that the rules make', () => {
    const recorded = [...RULES.matchAll(/- record: (\S+)/g)].map(([, name]) => name);
    const asked = EXPRESSIONS.flatMap((expr) => expr.match(/\blatchkey:[\w:]+/g) ?? []);
    expect([...new Set(asked)].toSorted()).toEqual(recorded.toSorted());
  });

  it('have a section of the runbook for each alert, to which it leads, and a test of each', () => {
    const alerts = [...RULES.matchAll(/- alert: (\S+)/g)].map(([, name]) => name!);
    const runbook = readFileSync('docs/operations.md', 'utf8')
      .split(/^## /m)
      .find((part) => part.startsWith('Alerts\n'))!;
    const sections = runbook.split(/^### /m).slice(1);
    expect(sections.map((section) => section.split('\n')[0])).toEqual(alerts);
    for (const section of sections)
      expect(section).toMatch(/^- \*\*Means:\*\* [^]+^- \*\*Look:\*\* [^]+^- \*\*Do:\*\* /m);
    const links = [...RULES.matchAll(/runbook_url: (\S+)/g)].map(([, link]) => link);
    expect(links).toEqual(alerts.map((name) => `docs/operations.md#${name.toLowerCase()}`));
    const severities = [...RULES.matchAll(/severity: (\w+)/g)].map(([, severity]) => severity);
    expect(sections.map((section) => /\*\*Means:\*\* (\w+)\./.exec(section)?.[1])).toEqual(severities);
    const tested = [...read('latchkey.rules.test.yml').matchAll(/alertname: (\S+)\n +exp_alerts:\n/g)];
    expect([...new Set(tested.map(([, name]) => name))].toSorted()).toEqual(alerts.toSorted());
  });

  it('have panels with a title of their own', () => {
    const titles = DASHBOARD.panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});
