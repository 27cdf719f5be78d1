import type { ReactNode } from 'react';
import style from './facts.module.css';

/** Names and values. Those without a value are left out. */
export function Facts({ facts }: { facts: [string, ReactNode][] }): ReactNode {
  return (
    <dl className={style.facts}>
      {facts
        .filter(([, value]) => value !== undefined && value !== '' && value !== null && value !== false)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
