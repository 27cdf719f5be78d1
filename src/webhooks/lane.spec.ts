import { expect, it } from '@jest/globals';
import { startOf } from '../record-feed/position.js';
import type { RecordedEvent } from '../record-feed/recorded-events.js';
import { Lane } from './lane.js';

function event(id: number, second: number): RecordedEvent {
  const at = new Date(second * 1000);
  return { at, rank: 2, id: String(id), event: { id: String(id), at: at.toISOString(), event: 'ACCOUNT_CREATED' } };
}

function at(second: number): ReturnType<typeof startOf> {
  return startOf(new Date(second * 1000));
}

it('the cursor stays before the oldest event that is not delivered, and moves to what was taken', () => {
  const lane = new Lane(at(0));
  const [first, second] = [event(1, 10), event(2, 20)];
  lane.take(first);
  lane.take(second);
  lane.reach = at(30);
  lane.next();
  lane.next();
  lane.settle(second);
  lane.advance();
  expect(lane.cursor).toEqual(at(10));
  lane.settle(first);
  lane.advance();
  expect(lane.cursor).toEqual(at(30));
});

it('the cursor never moves back', () => {
  const lane = new Lane(at(20), at(10));
  lane.advance();
  expect(lane.cursor).toEqual(at(20));
});

it('an event from before the cursor is not sent', () => {
  const lane = new Lane(at(20));
  lane.take(event(1, 10));
  lane.take(event(2, 20));
  expect([lane.next()?.id, lane.next()]).toEqual(['2', undefined]);
});

it('an event that comes again is sent once', () => {
  const lane = new Lane(at(0));
  const one = event(1, 10);
  lane.take(one);
  lane.take(one);
  expect(lane.next()).toBe(one);
  lane.take(one);
  lane.settle(one);
  lane.take(event(1, 10));
  expect(lane.next()).toBeUndefined();
});

it('after a failure, what was not delivered is taken again, and what was is not', () => {
  const lane = new Lane(at(0));
  const events = [event(1, 10), event(2, 20), event(3, 30)];
  for (const one of events) lane.take(one);
  lane.reach = at(40);
  const [first, second] = [lane.next()!, lane.next()!];
  lane.settle(second);
  lane.drop();
  lane.fail(first);
  expect(lane.reach).toEqual(at(10));
  for (const one of events) lane.take(one);
  expect([lane.next(), lane.next(), lane.next()]).toEqual([first, events[2], undefined]);
});
