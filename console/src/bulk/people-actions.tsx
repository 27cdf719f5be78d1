import { Dialog } from '@base-ui/react/dialog';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import type { ReactNode } from 'react';
import { THIRD_PARTY_ID } from '../../../src/bulk/user-file-format.js';
import { api, dataOf, LatchkeyError } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import type { Texts } from '../language';
import { useMe } from '../me';
import { downloadText } from '../parts/download';
import type { Selected } from '../parts/list';
import dialogStyle from '../parts/dialog.module.css';
import { toCsv } from './csv';
import { Progress, useBulk } from './progress';
import { one, runBulk } from './run';
import type { Outcome } from './run';
import { useBulkTexts } from './bulk-texts';
import type { BulkText } from './bulk-texts';
import style from './bulk.module.css';

/** A person in a selection. One that was selected on another page has only an ID. */
interface Person {
  id: string;
  name: string;
  user?: Schemas['MemberUser'];
  /** In the group whose members are listed. */
  membership?: Membership;
}

type Membership = Pick<Schemas['Member'], 'status' | 'validFrom' | 'validUntil'>;

type Group = Pick<Schemas['Group'], 'id' | 'name'>;

interface Action {
  label: (texts: { t: Texts['t']; own: BulkText }) => string;
  kind?: 'danger';
  /** Whether a group has to be chosen, unless the list is that of a group already. */
  needsGroup?: boolean;
  size?: number;
  work: (people: Person[], group: Group) => Promise<Outcome<Person>[]>;
}

const PARALLEL = 4;

const ADD: Action = {
  label: ({ own }) => own('bulkAdd'),
  needsGroup: true,
  size: 100,
  work: async (people, { id: group }) => {
    const params = { path: { group } };
    const body = { users: people.map(({ id }) => id) };
    const { results } = await dataOf(api.POST('/api/2.1.1/group/{group}/members', { params, body }));
    return results.map(({ error }, index) => ({ item: people[index]!, error: error && faultOf(error) }));
  },
};
const REMOVE: Action = {
  label: ({ own }) => own('bulkRemove'),
  kind: 'danger',
  needsGroup: true,
  work: ([person], { id: group }) =>
    one(person!, ({ id: user }) =>
      api.DELETE('/api/2.1.1/group/{group}/members/{user}', { params: { path: { group, user } } }),
    ),
};
const BLOCK: Action = {
  label: ({ t }) => t('block'),
  kind: 'danger',
  work: ([person]) => one(person!, statusSetter('BLOCKED')),
};
const UNBLOCK: Action = { label: ({ t }) => t('unblock'), work: ([person]) => one(person!, statusSetter('ACTIVE')) };
const END: Action = {
  label: ({ own }) => own('endSessions'),
  kind: 'danger',
  work: ([person]) => one(person!, endSessions),
};
const DELETE: Action = {
  label: ({ t }) => t('delete'),
  kind: 'danger',
  work: ([person]) =>
    one(person!, ({ id: user }) => api.DELETE('/api/2.1.1/user/{user}', { params: { path: { user } } })),
};

interface PeopleActionsProps {
  selected: Selected<Person>;
  /** The group whose members are listed. */
  group?: Group;
}

/** What can be done to the people in a selection, each under the rules for one person. */
export default function PeopleActions({ selected, group }: PeopleActionsProps): ReactNode {
  const { may, hasGroups } = useMe();
  const actions = [
    ...(hasGroups ? [ADD] : []),
    ...(hasGroups || group ? [REMOVE] : []),
    ...(may('MANAGE_USERS') ? [BLOCK, UNBLOCK, END, DELETE] : []),
  ];
  return (
    <>
      {actions.map((action, index) => (
        <BulkDialog
          key={index}
          action={action}
          selected={selected}
          given={action === REMOVE || !action.needsGroup ? group : undefined}
        />
      ))}
      <ExportDialog selected={selected} group={group} />
    </>
  );
}

interface BulkDialogProps {
  action: Action;
  selected: Selected<Person>;
  given?: Group;
}

function BulkDialog({ action, selected, given }: BulkDialogProps): ReactNode {
  const { t, number } = useTexts();
  const { t: own, count } = useBulkTexts();
  const reload = useReload();
  const bulk = useBulk<Person>();
  const [chosen, setChosen] = useState<Group | null>(given ?? null);
  const [total, setTotal] = useState(0);
  const { kind, size = 1, needsGroup, work } = action;
  const label = action.label({ t, own });
  // Not before: what is selected, and with it this dialog, could be gone from the list.
  const finish = (): void => {
    selected.clear();
    void reload();
  };
  const begin = (): void => {
    setTotal(selected.count);
    bulk.start((signal, report) =>
      runBulk(
        peopleOf(selected),
        { size, atOnce: size > 1 ? 2 : PARALLEL },
        (people) => work(people, chosen ?? { id: '', name: '' }),
        signal,
        report,
      ),
    );
  };
  return (
    <BulkFrame label={label} kind={kind} bulk={bulk} onClose={finish}>
      {bulk.phase === 'idle' ? (
        <>
          <Dialog.Description>{count('bulkQuestion', selected.count)}</Dialog.Description>
          {needsGroup && !given && <GroupPicker chosen={chosen} onChoose={setChosen} />}
          {given && needsGroup && <p>{given.name}</p>}
          <div className={dialogStyle.buttons}>
            <button type="button" data-kind={kind ?? 'main'} disabled={needsGroup && chosen === null} onClick={begin}>
              {own('bulkBegin', { action: label, count: number(selected.count) })}
            </button>
            <Dialog.Close>{t('cancel')}</Dialog.Close>
          </div>
        </>
      ) : (
        <Progress bulk={bulk} total={total} />
      )}
    </BulkFrame>
  );
}

function ExportDialog({ selected, group }: { selected: Selected<Person>; group?: Group }): ReactNode {
  const { t } = useTexts();
  const bulk = useBulk<Person>();
  const [total, setTotal] = useState(0);
  const begin = (): void => {
    setTotal(selected.count);
    const rows: Record<string, string | undefined>[] = [];
    bulk.start(async (signal, report) => {
      await runBulk(
        peopleOf(selected),
        { size: 100, atOnce: 1 },
        async (people) => {
          for (const { id, user, membership } of people)
            rows.push(
              rowOf(
                user?.name ? user : await userOf(id),
                group && { group, membership: membership ?? (await membershipIn(group, id)) },
              ),
            );
          return people.map((item) => ({ item }));
        },
        signal,
        report,
      );
      downloadText('people.csv', `\uFEFF${toCsv(rows)}`, 'text/csv;charset=utf-8');
    });
  };
  return (
    <BulkFrame label={t('exportCsv')} bulk={bulk} onOpen={begin} onClose={() => undefined}>
      <Progress bulk={bulk} total={total} />
    </BulkFrame>
  );
}

interface BulkFrameProps {
  label: string;
  kind?: 'danger';
  bulk: Pick<ReturnType<typeof useBulk>, 'phase'>;
  children: ReactNode;
  onOpen?: () => void;
  /** Runs when the dialog is closed after the work. */
  onClose: () => void;
}

/** A dialog that stays open while its work runs. */
function BulkFrame({ label, kind, bulk: { phase }, children, onOpen, onClose }: BulkFrameProps): ReactNode {
  const { t: own } = useBulkTexts();
  const [isOpen, setIsOpen] = useState(false);
  const change = (open: boolean): void => {
    if (phase === 'running') return;
    setIsOpen(open);
    if (open) onOpen?.();
    else if (phase === 'done') onClose();
  };
  return (
    <Dialog.Root open={isOpen} onOpenChange={change}>
      <Dialog.Trigger data-kind={kind}>{label}</Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className={dialogStyle.backdrop} />
        <Dialog.Popup className={dialogStyle.popup}>
          <Dialog.Title className={dialogStyle.title}>{label}</Dialog.Title>
          {children}
          {phase === 'done' && (
            <div className={dialogStyle.buttons}>
              <Dialog.Close>{own('close')}</Dialog.Close>
            </div>
          )}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface GroupPickerProps {
  chosen: Group | null;
  onChoose: (group: Group) => void;
}

/** Chooses one of the groups that the reader manages. */
function GroupPicker({ chosen, onChoose }: GroupPickerProps): ReactNode {
  const { t } = useTexts();
  const { t: own } = useBulkTexts();
  const id = useId();
  const [query, setQuery] = useState('');
  const { data } = useQuery({
    queryKey: ['groups', 'pick', query],
    queryFn: async () => {
      const params = { query: { query, permission: 'MANAGE' as const, resultSize: 20 } };
      return (await dataOf(api.GET('/api/2.1.1/groups', { params }))).groups;
    },
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <label htmlFor={id}>{own('findGroup')}</label>
      <input id={id} type="search" value={query} autoComplete="off" onChange={({ target }) => setQuery(target.value)} />
      <fieldset className={style.groups} aria-label={t('groups')}>
        {data?.map((group) => (
          <label key={group.id}>
            <input type="radio" name={id} checked={chosen?.id === group.id} onChange={() => onChoose(group)} />
            {group.name}
          </label>
        ))}
      </fieldset>
      {data?.length === 0 && <p role="status">{t('nothingFound')}</p>}
    </>
  );
}

/** Reads everything about people and groups again. */
function useReload(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all(
      ['people', 'person', 'groups', 'group'].map((key) => queries.invalidateQueries({ queryKey: [key] })),
    );
  };
}

async function* peopleOf({ pages }: Selected<Person>): AsyncGenerator<Person[]> {
  for await (const page of pages()) yield page.map(({ key, row }) => row ?? { id: key, name: key });
}

function statusSetter(status: 'ACTIVE' | 'BLOCKED'): (person: Person) => Promise<unknown> {
  return ({ id: user }) => api.PUT('/api/2.1.1/user/{user}', { params: { path: { user } }, body: { status } });
}

/** Ends all sessions of a person that are live now. One that has ended meanwhile is ended too. */
async function endSessions({ id: user }: Person): Promise<void> {
  for (let resultFrom: string | undefined, isMore = true; isMore;) {
    const params = { query: { user, resultFrom, resultSize: 100 } };
    const { sessions, pagination } = await dataOf(api.GET('/api/2.1.1/sessions', { params }));
    for (const { id } of sessions)
      await api.DELETE('/api/2.1.1/session/{id}', { params: { path: { id } } }).catch((error: unknown) => {
        if (!(error instanceof LatchkeyError && error.id === 'not_found')) throw error;
      });
    isMore = pagination.moreAvailable;
    resultFrom = pagination.lastOnPage;
  }
}

function userOf(user: string): Promise<Schemas['User']> {
  return dataOf(api.GET('/api/2.1.1/user/{user}', { params: { path: { user } } }));
}

/** What somebody is in a group. Nothing for somebody who has left it. */
async function membershipIn(group: Group, user: string): Promise<Membership | undefined> {
  for (let resultFrom: string | undefined; ;) {
    const params = { path: { user }, query: { resultFrom, resultSize: 100 } };
    const { memberships, pagination } = await dataOf(api.GET('/api/2.1.1/user/{user}/groups', { params }));
    const found = memberships.find((one) => one.group.id === group.id);
    if (found || !pagination.moreAvailable) return found;
    resultFrom = pagination.lastOnPage;
  }
}

/** A row as the import reads it. Who is only invited, or was a member, is exported without the group. */
function rowOf(
  user: Schemas['MemberUser'],
  member?: { group: Group; membership?: Membership },
): Record<string, string | undefined> {
  const { name, emailAddress, locale, timeZone, description, yearOfBirth, domicile, status } = user;
  return {
    name,
    emailAddress,
    locale,
    timeZone,
    description,
    yearOfBirth: yearOfBirth === undefined ? undefined : String(yearOfBirth),
    domicile,
    status,
    ...(member && membershipOf(member)),
    ...Object.fromEntries((user.thirdPartyIds ?? []).map(({ thirdParty, id }) => [THIRD_PARTY_ID + thirdParty, id])),
  };
}

function membershipOf({
  group: { name: group },
  membership,
}: {
  group: Group;
  membership?: Membership;
}): Record<string, string | undefined> {
  if (!membership) return {};
  const { status, validFrom, validUntil } = membership;
  const hasEnded = validUntil !== undefined && Date.parse(validUntil) <= Date.now();
  return status === 'JOINED' && !hasEnded ? { group, validFrom, validUntil } : {};
}

function faultOf({ id, description }: { id: string; description: string }): LatchkeyError {
  return new LatchkeyError(id, 400, null, description, {});
}
