import type { ReactNode, SubmitEvent } from 'react';
import { useRef, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { paths } from '../../../clients/typescript/src/schema.js';
import { AUDIT_EVENTS } from '../../../src/schema/entities/audit-events.js';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import { useTexts } from '../language';
import { downloadText } from '../parts/download';
import { Failure } from '../parts/failure';
import { Heading } from '../parts/heading';
import { List } from '../parts/list';
import { PersonField } from '../parts/person-field';
import { useRecordTexts } from './record-texts';
import style from './record.module.css';

type Event = Schemas['AuditEvent'];
/** An event, with the names of what it refers to. */
type Row = Event & { nameOf: (id: string) => string | undefined };
/** What the API is asked for. It refuses an event of the address that does not exist. */
type Filter = Omit<NonNullable<paths['/api/2.1.1/audit']['get']['parameters']['query']>, 'resultFrom' | 'resultSize'>;

/** Milliseconds between two readings of the record that is watched. */
const LIVE_MS = 2000;
const NAMES = ['user', 'actor', 'client', 'group', 'token', 'request', 'event', 'from', 'to'] as const;
/** The fields for people, which take any reference; the API takes an ID. */
const PEOPLE = ['user', 'actor'] as const;
const ID = /^[\w-]{22}$/;
/** `from` is the beginning of a page in the address of every list, so the times have names of their own there. */
const IN_ADDRESS = { from: 'since', to: 'until' } as Readonly<Record<string, string>>;

export default function RecordPage(): ReactNode {
  const { t, time } = useTexts();
  const { t: own } = useRecordTexts();
  const [params, setParams] = useSearchParams();
  const filter = filterOf(params);
  const isLive = params.has('live');
  return (
    <>
      <Heading>{t('record')}</Heading>
      <p>{own('recordHelp')}</p>
      {/* The fields begin anew when the address changes, also by the Back button. */}
      <Filters key={JSON.stringify(filter)} filter={filter} />
      <label className={style.live}>
        <input
          type="checkbox"
          checked={isLive}
          onChange={({ target }) =>
            setParams((before) => withParameters(before, { live: target.checked ? '1' : undefined, from: undefined }))
          }
        />
        {own('recordLive')}
      </label>
      <Export filter={filter} />
      <List<Row>
        label={t('record')}
        queryKey={['record', filter]}
        load={async ({ resultFrom, resultSize }) => fetchPage(filter, resultFrom, resultSize)}
        keyOf={({ id }) => id}
        empty={own('recordEmpty')}
        isSearchable={false}
        isTotalCapped
        refetchMs={isLive ? LIVE_MS : undefined}
        columns={[
          { id: 'at', header: own('recordTime'), cell: ({ at }) => <time dateTime={at}>{time(at)}</time> },
          { id: 'event', header: own('recordEvent'), cell: ({ event, rule }) => <Name event={event} rule={rule} /> },
          {
            id: 'user',
            header: own('recordUser'),
            cell: ({ user, nameOf }) => <Ref path="people" id={user} nameOf={nameOf} />,
          },
          {
            id: 'actor',
            header: own('recordActor'),
            cell: ({ actor, nameOf }) => <Ref path="people" id={actor} nameOf={nameOf} />,
          },
          {
            id: 'group',
            header: t('group'),
            cell: ({ group, nameOf }) => <Ref path="groups" id={group} nameOf={nameOf} />,
          },
          {
            id: 'client',
            header: own('recordClient'),
            cell: ({ client, nameOf }) => <Ref path="clients" id={client} nameOf={nameOf} />,
          },
          {
            id: 'details',
            header: own('recordDetails'),
            cell: ({ details }) => details && Object.values(details).flat().map(String).join(', '),
          },
        ]}
      />
    </>
  );
}

async function fetchPage(
  filter: Filter,
  resultFrom: string | undefined,
  resultSize: number,
): Promise<{ rows: Row[]; pagination: Schemas['Pagination'] }> {
  const params = { query: { ...filter, resultFrom, resultSize } };
  const { events, names, pagination } = await dataOf(api.GET('/api/2.1.1/audit', { params }));
  const known = new Map(names.map(({ id, name }) => [id, name]));
  const nameOf = (id: string): string | undefined => known.get(id);
  return { rows: events.map((event) => Object.assign({ nameOf }, event)), pagination };
}

function filterOf(params: URLSearchParams): Filter {
  return Object.fromEntries(
    NAMES.map((name) => [name, params.get(IN_ADDRESS[name] ?? name)]).filter(([, value]) => value),
  ) as Filter;
}

function withParameters(params: URLSearchParams, changes: Record<string, string | undefined>): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}

function Name({ event, rule }: { event: string; rule?: number }): ReactNode {
  const { t: own } = useRecordTexts();
  return (
    <>
      <code>{event}</code> {rule !== undefined && own('recordRule', { rule })}
    </>
  );
}

function Ref({ path, id, nameOf }: { path: string; id?: string; nameOf: Row['nameOf'] }): ReactNode {
  if (!id) return null;
  const name = nameOf(id);
  return (
    <>
      <Link href={`/${path}/${encodeURIComponent(id)}`}>{name ?? id}</Link>
      {name && <small className={style.id}>{id}</small>}
    </>
  );
}

function Filters({ filter }: { filter: Filter }): ReactNode {
  const { t: own } = useRecordTexts();
  const [, setParams] = useSearchParams();
  const [people, setPeople] = useState({ user: filter.user ?? '', actor: filter.actor ?? '' });
  const [error, setError] = useState<unknown>(null);
  const submit = async (data: FormData): Promise<void> => {
    setError(null);
    try {
      for (const name of PEOPLE) data.set(name, await idOf(people[name]));
    } catch (failure) {
      setError(failure);
      return;
    }
    const changes = Object.fromEntries(
      NAMES.map((name) => {
        const text = String(data.get(name) ?? '').trim();
        const isTime = name === 'from' || name === 'to';
        return [IN_ADDRESS[name] ?? name, isTime && text ? new Date(text).toISOString() : text];
      }),
    );
    setParams((before) => withParameters(before, { from: undefined, ...changes }));
  };
  const ids = [
    ['client', own('recordClientId')],
    ['group', own('recordGroupId')],
    ['token', own('recordTokenId')],
    ['request', own('recordRequestId')],
  ] as const;
  return (
    <form
      className={style.filters}
      onSubmit={(event: SubmitEvent<HTMLFormElement>) => {
        event.preventDefault();
        void submit(new FormData(event.currentTarget));
      }}
      aria-label={own('recordFilter')}
    >
      {PEOPLE.map((name) => (
        <PersonField
          key={name}
          label={own(name === 'user' ? 'recordUser' : 'recordWhoDidIt')}
          initial={filter[name] ?? ''}
          isOptional
          onPick={(reference) => setPeople((before) => ({ ...before, [name]: reference }))}
        />
      ))}
      {ids.map(([name, label]) => (
        <label key={name}>
          {label}
          <input name={name} defaultValue={filter[name]} maxLength={64} pattern="[\w\-]+" autoComplete="off" />
        </label>
      ))}
      <label>
        {own('recordEvent')}
        <select name="event" defaultValue={filter.event ?? ''}>
          <option value="">{own('recordEveryEvent')}</option>
          {AUDIT_EVENTS.map((event) => (
            <option key={event}>{event}</option>
          ))}
        </select>
      </label>
      <label>
        {own('recordFrom')}
        <input type="datetime-local" name="from" defaultValue={localTime(filter.from)} />
      </label>
      <label>
        {own('recordTo')}
        <input type="datetime-local" name="to" defaultValue={localTime(filter.to)} />
      </label>
      <button type="submit" data-kind="main">
        {own('recordApply')}
      </button>
      {error !== null && <Failure error={error} />}
    </form>
  );
}

/** The ID of somebody who was picked, or of whom anything else that names an account was typed. */
async function idOf(reference: string): Promise<string> {
  if (reference === '' || ID.test(reference)) return reference;
  return (await dataOf(api.GET('/api/2.1.1/user/{user}', { params: { path: { user: reference } } }))).id;
}

/** An instant as a field for the time takes it, in the zone of the browser. */
function localTime(iso: string | undefined): string {
  const at = new Date(iso ?? '');
  if (Number.isNaN(at.getTime())) return '';
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Downloads everything that matches, part by part. */
function Export({ filter }: { filter: Filter }): ReactNode {
  const { t, number } = useTexts();
  const { t: own } = useRecordTexts();
  const [lines, setLines] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const controller = useRef<AbortController>(null);
  const download = async (format: 'csv' | 'ndjson'): Promise<void> => {
    controller.current = new AbortController();
    setError(null);
    setLines(0);
    try {
      const parts: string[] = [];
      for (let resultFrom: string | null | undefined = undefined; resultFrom !== null;) {
        const part = await fetchPart({ ...filter, format, resultFrom }, controller.current.signal);
        parts.push(part.text);
        setLines((before) => (before ?? 0) + part.text.split('\n').length - 1);
        resultFrom = part.next;
      }
      downloadText(`record.${format}`, parts.join(''), format === 'csv' ? 'text/csv' : 'application/x-ndjson');
    } catch (failure) {
      if (!controller.current.signal.aborted) setError(failure);
    } finally {
      setLines(null);
    }
  };
  return (
    <div className={style.export}>
      <button type="button" disabled={lines !== null} onClick={() => void download('csv')}>
        {t('exportCsv')}
      </button>
      <button type="button" disabled={lines !== null} onClick={() => void download('ndjson')}>
        {own('recordNdjson')}
      </button>
      {lines !== null && (
        <button type="button" onClick={() => controller.current?.abort()}>
          {own('recordStop')}
        </button>
      )}
      <span role="status">{lines !== null && own('recordExported', { count: number(lines) })}</span>
      {error !== null && <Failure error={error} />}
    </div>
  );
}

async function fetchPart(
  parameters: Filter & { format: 'csv' | 'ndjson'; resultFrom: string | undefined },
  signal: AbortSignal,
): Promise<{ text: string; next: string | null }> {
  const { data, response } = await api.GET('/api/2.1.1/audit/export', {
    params: { query: parameters },
    parseAs: 'text',
    signal,
  });
  const [, address = ''] = /^<\?(.+)>; rel="next"$/.exec(response.headers.get('Link') ?? '') ?? [];
  return { text: String(data), next: new URLSearchParams(address).get('resultFrom') };
}
