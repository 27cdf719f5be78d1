import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const config = new URL('../.dependency-cruiser.mjs', import.meta.url).href;
const { FLOORS } = (await import(config)) as { FLOORS: string[][] };

it('gives every folder of src a floor', () => {
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(FLOORS.flat().toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
});

it('ARCHITECTURE.md draws the floors that the linter holds, the lowest at the bottom', () => {
  const [, drawing] = /```\n(.*?)```/s.exec(readFileSync('ARCHITECTURE.md', 'utf8'))!;
  const lines = drawing!.split('\n').map((line) => line.slice(0, 58));
  const lineOf = (folder: string): number => lines.findIndex((line) => line.split(/[^a-z-]+/).includes(folder));
  const undrawn = FLOORS.flat().filter((folder) => lineOf(folder) === -1);
  expect(undrawn).toEqual([]);
  const highest = FLOORS.map((floor) => Math.min(...floor.map(lineOf)));
  const lowest = FLOORS.map((floor) => Math.max(...floor.map(lineOf)));
  const isBelow = FLOORS.slice(1).map((_, at) => highest[at]! > lowest[at + 1]!);
  expect(isBelow).not.toContain(false);
});
