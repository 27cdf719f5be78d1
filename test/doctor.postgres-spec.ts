import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { examine } from '../src/doctor/doctor.js';
import { testEnvironment, TestApp } from './support/app.js';

let t: TestApp;

beforeAll(async () => {
  t = await TestApp.start();
});
afterAll(() => t.stop());

it('asks, of several hosts in DATABASE_URL, the one that accepts writes', async () => {
  const { host } = new URL(process.env.DATABASE_URL!);
  const several = process.env.DATABASE_URL!.replace(`@${host}`, `@127.0.0.1:1,${host}`);
  const found = await examine(testEnvironment({ PUBLIC_URL: t.url, DATABASE_URL: several }));
  expect(found.filter(({ level }) => level !== 'ok')).toEqual([]);
  expect(found.map(({ check }) => check)).toContain('connections');
});
