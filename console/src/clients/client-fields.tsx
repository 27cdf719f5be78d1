import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api, dataOf } from '../api';
import type { Schemas } from '../api';
import type { Texts } from '../language';
import type { Field } from '../parts/dialog';
import { useClientsTexts } from './clients-texts';
import type { ClientsText } from './clients-texts';
import style from './clients.module.css';

/** The fields of a client in a form, but its origins. */
export function clientFields(t: Texts['t'], own: ClientsText, client?: Schemas['Client']): Field[] {
  return [
    { name: 'name', label: t('name'), value: client?.name },
    {
      name: 'redirectUris',
      label: own('redirectUris'),
      value: client?.redirectUris.join('\n'),
      hint: own('redirectUrisHint'),
      type: 'multiline',
      isOptional: true,
      maxLength: 20_000,
    },
  ];
}

export function UriList({ uris }: { uris: string[] }): ReactNode {
  return (
    <ul className={style.list}>
      {uris.map((uri) => (
        <li key={uri}>{uri}</li>
      ))}
    </ul>
  );
}

/** The lines of a text, without empty ones. */
export function linesOf(text = ''): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The sites of the organization, and those that it claims. */
export function useOrigins(): { data?: Schemas['Origin'][]; error: Error | null } {
  return useQuery({
    queryKey: ['origins'],
    queryFn: async () => (await dataOf(api.GET('/api/2.1.1/origins'))).origins,
  });
}

/** The field `origins`: some of the sites that the organization owns, because no client can have others. */
export function OriginChoice({ chosen = [] }: { chosen?: string[] }): ReactNode {
  const { t: own } = useClientsTexts();
  const { data = [] } = useOrigins();
  const owned = data.filter(({ status }) => status === 'OWNED').map(({ origin }) => origin);
  return (
    <fieldset className={style.origins}>
      <legend>{own('originsOfClient')}</legend>
      {owned.length === 0 && <p>{own('noOwnedOrigins')}</p>}
      {owned.map((origin) => (
        <label key={origin}>
          <input type="checkbox" name="origins" value={origin} defaultChecked={chosen.includes(origin)} />
          {origin}
        </label>
      ))}
    </fieldset>
  );
}
