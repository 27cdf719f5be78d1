import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { useHomeTexts } from './home-texts';
import style from './home.module.css';

type Right = Schemas['EndingRight'];
type Credential = Schemas['WeakCredential'];

/** What needs attention, each with a link to where it is mended. Nothing is shown to those who could mend nothing. */
export function Attention({ overview }: { overview: Schemas['Overview'] }): ReactNode {
  const { t: title } = useTexts();
  const { t } = useHomeTexts();
  const { endingRights, staffManagers, credentials = [], webhooks = [] } = overview;
  const items = [
    ...(staffManagers !== undefined && staffManagers <= 1
      ? [<Item key="staff" href="/staff" name={title('staff')} text={t('oneStaffManager')} />]
      : []),
    ...endingRights.map((right, index) => <Ending key={`right${index}`} right={right} />),
    ...credentials.map((credential, index) => <Weak key={`credential${index}`} credential={credential} />),
    ...webhooks.map(({ id, name, disabledReason }) => (
      <Item
        key={id}
        href={`/webhooks/${id}`}
        name={name}
        text={t(disabledReason ? 'webhookDisabled' : 'webhookFails')}
      />
    )),
  ];
  const isAdministrator = [staffManagers, overview.credentials, overview.hours].some((part) => part !== undefined);
  // A manager of groups can mend nothing else, so she is not told that all is well.
  if (items.length === 0 && !isAdministrator) return null;
  return (
    <section>
      <h2>{t('attention')}</h2>
      {items.length === 0 ? <p>{t('allIsWell')}</p> : <ul className={style.attention}>{items}</ul>}
    </section>
  );
}

function Item({ href, name, text }: { href: string; name: string; text: string }): ReactNode {
  return (
    <li>
      <Link href={href}>{name}</Link> {text}
    </li>
  );
}

function Ending({ right: { kind, user, group, permission, count = 0, validUntil } }: { right: Right }): ReactNode {
  const { time } = useTexts();
  const { t, count: counted } = useHomeTexts();
  const at = time(validUntil);
  if (kind === 'ACCOUNT_PERMISSION')
    return <Item href="/staff" name={user!.name} text={t('permission', { permission: permission!, at })} />;
  const text =
    kind === 'MEMBERSHIP'
      ? counted('memberships', count, { at })
      : t('groupRight', { permission: permission!, name: user!.name, at });
  return <Item href={`/groups/${group!.id}`} name={group!.name} text={text} />;
}

function Weak({ credential: { kind, serviceAccount, client, created } }: { credential: Credential }): ReactNode {
  const { time } = useTexts();
  const { t } = useHomeTexts();
  const at = time(created);
  if (kind === 'OLD_SECRET')
    return <Item href={`/clients/${client!.id}`} name={client!.name} text={t('oldSecret', { at })} />;
  const text = kind === 'NO_KEY' ? t('noKey') : t('oldKey', { at });
  return <Item href={`/service-accounts/${serviceAccount!.id}`} name={serviceAccount!.name} text={text} />;
}
