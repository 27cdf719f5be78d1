import { beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from './clock.js';
import { RecentAnswers } from './recent-answers.js';

let now: number;
let answers: RecentAnswers<string>;

beforeEach(() => {
  now = 1_000_000;
  answers = new RecentAnswers(Object.assign(new Clock(), { now: () => new Date(now) }), { size: 2, lifetimeMs: 1500 });
});

function say<T>(answer: T): () => Promise<T> {
  return async () => answer;
}

function never(): Promise<string> {
  throw new Error('This must not be asked.');
}

function fail(): Promise<string> {
  return Promise.reject(new Error('No database'));
}

describe('an answer', () => {
  it('is believed for its lifetime, counted from when it was asked for', async () => {
    await answers.get('a', async () => {
      now += 1000;
      return 'one';
    });
    now += 500;
    expect([answers.getCached('a'), await answers.get('a', never)]).toEqual(['one', 'one']);
    now += 1;
    expect([answers.getCached('a'), await answers.get('a', say('two'))]).toEqual([undefined, 'two']);
  });

  it('is asked for once by all who wait for it', async () => {
    let asked = 0;
    const all = Array.from({ length: 20 }, () => answers.get('a', async () => `${++asked}`));
    expect(await Promise.all(all)).toEqual(Array(20).fill('1'));
  });

  it('that takes too long is not waited for by those who come later, and is not remembered', async () => {
    let answerFirst: (answer: string) => void;
    const first = answers.get('a', () => new Promise((resolve) => (answerFirst = resolve)));
    now += 1500;
    const joined = answers.get('a', never);
    now += 1;
    const second = answers.get('a', say('two'));
    expect(await second).toBe('two');
    answerFirst!('one');
    expect([await first, await joined, answers.getCached('a')]).toEqual(['one', 'one', 'two']);
  });

  it('is given to the next question, also when it is too old', async () => {
    await answers.get('a', say('one'));
    now += 2000;
    expect(await answers.get('a', async (before) => `${before} and two`)).toBe('one and two');
  });

  it('is not believed after a clock was set back', async () => {
    await answers.get('a', say('one'));
    now -= 1;
    expect(answers.getCached('a')).toBeUndefined();
  });

  it('of null is not remembered, and takes away what was', async () => {
    await answers.get('a', say('one'));
    now += 2000;
    expect(await answers.get('a', say(null))).toBeNull();
    expect(await answers.get('a', async (before) => String(before))).toBe('undefined');
  });

  it('that fails reaches all who wait, and the next question is asked again', async () => {
    await answers.get('a', say('one'));
    now += 2000;
    const all = await Promise.allSettled([answers.get('a', fail), answers.get('a', fail)]);
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(answers.getCached('a')).toBeUndefined();
    expect(await answers.get('a', say('two'))).toBe('two');
  });

  it('makes room for a newer one: the one that was asked for longest ago', async () => {
    for (const key of ['a', 'b']) await answers.get(key, say(key));
    now += 2000;
    await answers.get('a', say('a again'));
    await answers.get('c', say('c'));
    expect(['a', 'b', 'c'].map((key) => answers.getCached(key))).toEqual(['a again', undefined, 'c']);
  });
});

describe('what is forgotten', () => {
  it('is asked for again', async () => {
    await answers.get('a', say('one'));
    answers.forget('a');
    expect(await answers.get('a', say('two'))).toBe('two');
  });

  it('does not come back with an answer that was on its way', async () => {
    const waiting: ((text: string) => void)[] = [];
    const onItsWay = answers.get('a', () => new Promise<string>((resolve) => void waiting.push(resolve)));
    answers.forget('a');
    const next = answers.get('a', say('gone'));
    waiting[0]!('there');
    expect([await onItsWay, await next, answers.getCached('a')]).toEqual(['there', 'gone', 'gone']);
  });
});
