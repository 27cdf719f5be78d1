import type { QueryClient } from '@tanstack/react-query';
import type { ComponentType } from 'react';
import { loadPageTexts } from './language';
import type { MessageKey } from './language';
import { asksWhy } from './me';
import type { Me } from './me';
import { Loadable } from './parts/loadable';

/** A page of the console. A new page is a line in `PAGES`, and a chunk of its own. */
export interface Page {
  /** Below /console; `:id` is a parameter. */
  path: string;
  /** Its name in the navigation. A page without one is reached from others. */
  label?: MessageKey;
  /** Whether the page is of use to somebody with these rights. The API decides what they see there. */
  isFor: (me: Me) => boolean;
  chunk: Loadable<PageChunk>;
}

interface PageChunk {
  default: ComponentType;
  /** Asks for what the page shows first. */
  prefetch?: (queries: QueryClient) => Promise<void>;
}

const seesGroups = (me: Me): boolean => me.hasGroups || me.may('CREATE_GROUPS') || me.may('MANAGE_ALL_GROUPS');
const seesPeople = (me: Me): boolean => me.may('MANAGE_USERS') || me.may('MANAGE_STAFF');
const managesStaff = (me: Me): boolean => me.may('MANAGE_STAFF');
const administersClients = (me: Me): boolean => me.may('MANAGE_SERVICE_ACCOUNTS');

const readsRecord = (me: Me): boolean => me.may('VIEW_AUDIT_LOG');
const administersWebhooks = (me: Me): boolean => administersClients(me) && readsRecord(me);

/** Somebody for whom there is no other page of the navigation begins with their own account. */
const begins = (me: Me): boolean => seesGroups(me) || seesPeople(me) || administersClients(me) || asksWhy(me);

export const PAGES: readonly Page[] = [
  { path: '/', label: 'home', isFor: begins, chunk: new Loadable(() => import('./home/home-page')) },
  { path: '/account', isFor: () => true, chunk: new Loadable(() => import('./account/account-page')) },
  { path: '/groups', label: 'groups', isFor: seesGroups, chunk: new Loadable(() => import('./groups/groups-page')) },
  { path: '/groups/:id', isFor: seesGroups, chunk: new Loadable(() => import('./groups/group-page')) },
  { path: '/people', label: 'people', isFor: seesPeople, chunk: new Loadable(() => import('./people/people-page')) },
  {
    path: '/people/import',
    isFor: (me) => me.may('MANAGE_USERS'),
    chunk: new Loadable(() => import('./bulk/import-page')),
  },
  {
    path: '/people/:id',
    isFor: (me) => seesPeople(me) || seesGroups(me),
    chunk: new Loadable(() => import('./people/person-page')),
  },
  { path: '/why', label: 'why', isFor: asksWhy, chunk: new Loadable(() => import('./why/why-page')) },
  { path: '/staff', label: 'staff', isFor: managesStaff, chunk: new Loadable(() => import('./staff/staff-page')) },
  {
    path: '/clients',
    label: 'clients',
    isFor: administersClients,
    chunk: new Loadable(() => import('./clients/clients-page')),
  },
  {
    path: '/webhooks',
    label: 'webhooks',
    isFor: administersWebhooks,
    chunk: new Loadable(() => import('./webhooks/webhooks-page')),
  },
  { path: '/webhooks/:id', isFor: administersWebhooks, chunk: new Loadable(() => import('./webhooks/webhook-page')) },
  { path: '/record', label: 'record', isFor: readsRecord, chunk: new Loadable(() => import('./record/record-page')) },
  { path: '/clients/:id', isFor: administersClients, chunk: new Loadable(() => import('./clients/client-page')) },
  {
    path: '/service-accounts/:id',
    isFor: administersClients,
    chunk: new Loadable(() => import('./clients/service-account-page')),
  },
];

/** Loads the page at a path below /console, before anything is known of who wants to see it. */
export async function loadPage(path: string, queries: QueryClient): Promise<void> {
  const page = PAGES.find((one) => new RegExp(`^${one.path.replace(':id', '[^/]+')}$`).test(path));
  const chunk = await page?.chunk.load();
  await Promise.all([chunk?.prefetch?.(queries), loadPageTexts()]);
}
