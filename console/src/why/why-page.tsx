import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode, SubmitEvent } from 'react';
import { Link, useSearchParams } from 'wouter';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useMe } from '../me';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { PersonField } from '../parts/person-field';
import { useWhyTexts } from './why-texts';
import type { WhyKey } from './why-texts';
import style from './why.module.css';

type Explanation = Schemas['Explanation'];
type Evidence = Schemas['Evidence'];
type Change = Schemas['Change'];

/** Says whether somebody may let somebody in, and why. Who is asked about stands in the address. */
export default function WhyPage(): ReactNode {
  const { t: title } = useTexts();
  const { t } = useWhyTexts();
  const [params] = useSearchParams();
  const [caller, user] = [params.get('caller') ?? '', params.get('user') ?? ''];
  return (
    <>
      <Heading>{title('why')}</Heading>
      <p>{t('whyHelp')}</p>
      <Question key={`${caller} ${user}`} caller={caller} user={user} />
      {user !== '' && <Answer caller={caller} user={user} />}
    </>
  );
}

function Question({ caller, user }: { caller: string; user: string }): ReactNode {
  const { t } = useWhyTexts();
  const me = useMe();
  const asksForOthers = me.may('VIEW_AUDIT_LOG') || me.may('MANAGE_STAFF');
  const [, setParams] = useSearchParams();
  const [given, setGiven] = useState({ caller, user });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const query = new URLSearchParams(given.caller === '' ? {} : { caller: given.caller });
    query.set('user', given.user);
    setParams(query);
  };
  return (
    <form onSubmit={submit} className={style.question}>
      {asksForOthers && (
        <PersonField
          label={t('whyCaller')}
          initial={caller}
          isOptional
          onPick={(reference) => setGiven((before) => ({ ...before, caller: reference }))}
        />
      )}
      <PersonField
        label={t('whyUser')}
        initial={user}
        onPick={(reference) => setGiven((before) => ({ ...before, user: reference }))}
      />
      <button type="submit">{t('whyAsk')}</button>
    </form>
  );
}

function Answer({ caller, user }: { caller: string; user: string }): ReactNode {
  const { t: loading } = useTexts();
  const { data, error } = useQuery({
    queryKey: ['why', caller, user],
    queryFn: () => {
      const query = caller === '' ? {} : { caller };
      return dataOf(api.GET('/api/2.1.1/access/{user}/explanation', { params: { path: { user }, query } }));
    },
    staleTime: 0,
  });
  if (error) return <Failure error={error} />;
  if (!data) return <p role="status">{loading('loading')}</p>;
  return <Explained explanation={data} />;
}

function Explained({ explanation }: { explanation: Explanation }): ReactNode {
  const { t } = useWhyTexts();
  const { verdict, rule, caller, user, evidence, changes } = explanation;
  const names = { caller: caller.name, user: user?.name ?? t('whySomebody') };
  return (
    <section aria-live="polite">
      <h2 className={verdict === 'ALLOWED' ? style.allowed : style.refused}>
        {t(verdict === 'ALLOWED' ? 'whyAllowed' : 'whyRefused', names)}
      </h2>
      {rule !== undefined && <p>{t(`whyRule_${rule}` as WhyKey)}</p>}
      {evidence.length > 0 && (
        <>
          <h3>{t('whyEvidence')}</h3>
          <ul>
            {evidence.map((one) => (
              <li key={one.description}>
                <EvidenceText evidence={one} />
              </li>
            ))}
          </ul>
        </>
      )}
      {changes.length > 0 && (
        <>
          <h3>{t('whyChanges')}</h3>
          <ul>
            {changes.map((one) => (
              <li key={one.description}>
                <ChangeText change={one} />
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function EvidenceText({ evidence }: { evidence: Evidence }): ReactNode {
  const { time } = useTexts();
  const { t } = useWhyTexts();
  const { since, by, validFrom, validUntil } = evidence;
  const origin = [
    validFrom && t('whyFrom', { at: time(validFrom) }),
    validUntil && t('whyUntil', { at: time(validUntil) }),
    since && (by ? t('whySinceBy', { at: time(since), name: by.name }) : t('whySince', { at: time(since) })),
  ].filter(Boolean);
  return (
    <>
      {t(keyOf(evidence), valuesOf(evidence))} <Links of={evidence} />
      {origin.length > 0 && <small className={style.origin}>{origin.join(' ')}</small>}
    </>
  );
}

function ChangeText({ change }: { change: Change }): ReactNode {
  const { t } = useWhyTexts();
  const { account, group } = change;
  const values = { ...valuesOf(change), name: account?.name ?? t('whyTheUser') };
  return (
    <>
      {t(keyOfChange(change), values)} <Links of={{ account, group }} />
    </>
  );
}

function keyOfChange({ kind, group, permission }: Change): WhyKey {
  if (kind === 'ADD_MEMBER' && !group) return 'whyChange_ADD_MEMBER_any';
  if (kind === 'CHANGE_PERIOD' && permission)
    return group ? 'whyChange_CHANGE_PERIOD_right' : 'whyChange_CHANGE_PERIOD_permission';
  return `whyChange_${kind}` as WhyKey;
}

/** Links to the pages on which a row is seen and changed. */
function Links({ of: { account, group } }: { of: Pick<Evidence, 'account' | 'group'> }): ReactNode {
  return (
    <span className={style.links}>
      {account && <Link href={`/people/${account.id}`}>{account.name}</Link>}
      {group && <Link href={`/groups/${group.id}`}>{group.name}</Link>}
    </span>
  );
}

function keyOf({ kind, holds, permission, validFrom, validUntil }: Evidence): WhyKey {
  if (kind === 'GROUP_RIGHT') return permission === 'MANAGE' ? 'why_MANAGE' : permission ? 'why_VIEW' : 'why_noRight';
  const isThere = holds || validFrom !== undefined || validUntil !== undefined;
  if (kind === 'MEMBERSHIP') return isThere ? 'why_member' : 'why_invited';
  if (kind === 'ACCOUNT_PERMISSION') return isThere ? 'why_has' : 'why_lacks';
  if (kind === 'TARGET') return 'why_target';
  return kind === 'STAFF' ? 'why_noStaff' : 'why_blocked';
}

function valuesOf({
  account,
  group,
  permission,
}: Pick<Evidence, 'account' | 'group' | 'permission'>): Record<string, string> {
  return { name: account?.name ?? '', group: group?.name ?? '', permission: permission ?? '' };
}
