import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useWhyTexts } from '../why/why-texts';
import type { WhyKey } from '../why/why-texts';
import { useHomeTexts } from './home-texts';
import style from './home.module.css';

type Hour = Schemas['Hour'];
type Refusal = Schemas['RefusalCount'];

/** Each chart, with the name of its numbers. */
const CHARTS = [
  ['logins', 'logins'],
  ['sessions', 'sessionsStarted'],
  ['refusals', 'refusals'],
] as const;
/** Heights and widths in the units of the drawings. */
const [HEIGHT, BAR, GAP] = [40, 8, 2];
/** The rules of the access call that have a text. */
const RULES = new Set([1, 3, 4, 5, 6, 7]);

/** Logins, sessions and refusals by hour. */
export function Activity({ hours }: { hours: Hour[] }): ReactNode {
  const { time, number } = useTexts();
  const { t } = useHomeTexts();
  return (
    <section>
      <h2>{t('lastDay')}</h2>
      <div className={style.charts} aria-hidden="true">
        {CHARTS.map(([name, label]) => (
          <div key={name} className={style.chart}>
            {t(label)} <strong>{number(hours.reduce((sum, hour) => sum + hour[name], 0))}</strong>
            <Bars values={hours.map((hour) => hour[name])} />
          </div>
        ))}
      </div>
      <div className={style.hidden}>
        <table>
          <caption>{t('lastDay')}</caption>
          <thead>
            <tr>
              <th scope="col">{t('hour')}</th>
              {CHARTS.map(([name, label]) => (
                <th key={name} scope="col">
                  {t(label)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {hours.map((hour) => (
              <tr key={hour.from}>
                <th scope="row">{time(hour.from)}</th>
                {CHARTS.map(([name]) => (
                  <td key={name}>{number(hour[name])}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Bars({ values }: { values: number[] }): ReactNode {
  const most = Math.max(1, ...values);
  return (
    <svg viewBox={`0 0 ${values.length * (BAR + GAP)} ${HEIGHT}`} preserveAspectRatio="none">
      {values.map((value, index) => {
        const height = (value / most) * HEIGHT;
        return <rect key={index} x={index * (BAR + GAP)} y={HEIGHT - height} width={BAR} height={height} />;
      })}
    </svg>
  );
}

/** The refusals by reason. A bar beside each number says which are many. */
export function Refusals({ refusals, since }: { refusals: Refusal[]; since: string }): ReactNode {
  const { number } = useTexts();
  const { t } = useHomeTexts();
  const most = Math.max(1, ...refusals.map(({ count }) => count));
  return (
    <section>
      <h2>{t('refusalsByReason')}</h2>
      {refusals.length === 0 ? (
        <p>{t('noRefusals')}</p>
      ) : (
        <table className={style.reasons} aria-label={t('refusalsByReason')}>
          <thead>
            <tr>
              <th scope="col">{t('reason')}</th>
              <th scope="col">{t('number')}</th>
            </tr>
          </thead>
          <tbody>
            {refusals.map((refusal) => (
              <tr key={`${refusal.event} ${refusal.rule} ${refusal.reason}`}>
                <th scope="row">
                  <Reason refusal={refusal} since={since} />
                </th>
                <td>
                  {number(refusal.count)}
                  <svg className={style.bar} viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
                    <rect width={(refusal.count / most) * 100} height="1" />
                  </svg>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Reason({ refusal: { event, rule = 0, reason }, since }: { refusal: Refusal; since: string }): ReactNode {
  const { t } = useHomeTexts();
  const { t: why } = useWhyTexts();
  return (
    <>
      <Link href={`/record?${new URLSearchParams({ event, since })}`}>{t(`refused_${event}`)}</Link>{' '}
      {RULES.has(rule) ? why(`whyRule_${rule}` as WhyKey) : reason && <code>{reason}</code>}
    </>
  );
}
