import { api, dataOf } from '../api';
import type { Schemas } from '../api';

/** Something that was found, and the page of the console that shows it. */
export interface Target {
  type: Schemas['Found']['type'];
  id: string;
  name: string;
  /** What tells it apart from others with this name. */
  detail?: string;
  /** Below /console. */
  href: string;
}

/** How many people, and how many groups, are offered for a name. */
const MOST = 5;

/** What an ID names. */
export async function findById(q: string, administersClients: boolean): Promise<Target[]> {
  const { found } = await dataOf(api.GET('/api/2.1.1/lookup', { params: { query: { q } } }));
  return found.map((one) => ({
    type: one.type,
    id: one.id,
    name: one.name ?? one.user?.name ?? one.id,
    href: hrefOf(one, administersClients),
  }));
}

/** The people and groups whose names begin with a text, or have a word that does. */
export async function findByName(query: string): Promise<Target[]> {
  const some = { query, resultSize: MOST };
  const [{ accounts }, { groups }] = await Promise.all([
    dataOf(api.GET('/api/2.1.1/organizations/{id}/accounts', { params: { path: { id: 'self' }, query: some } })),
    dataOf(api.GET('/api/2.1.1/groups', { params: { query: some } })),
  ]);
  return [
    ...accounts.map(({ id, name, emailAddress }) => ({
      type: 'USER' as const,
      id,
      name,
      detail: emailAddress,
      href: `/people/${id}`,
    })),
    ...groups.map(({ id, name, customReference }) => ({
      type: 'GROUP' as const,
      id,
      name,
      detail: customReference,
      href: `/groups/${id}`,
    })),
  ];
}

function hrefOf({ type, id, user }: Schemas['Found'], administersClients: boolean): string {
  switch (type) {
    case 'USER':
      return `/people/${id}`;
    case 'SERVICE_ACCOUNT':
      return administersClients ? `/service-accounts/${id}` : `/people/${id}`;
    case 'GROUP':
      return `/groups/${id}`;
    case 'CLIENT':
      return `/clients/${id}`;
    case 'SESSION':
    case 'ACCESS_TOKEN':
      return `/people/${user!.id}`;
    case 'LOGIN':
    case 'TOKEN':
      return `/record?token=${id}`;
    case 'REQUEST':
      return `/record?request=${id}`;
  }
}
