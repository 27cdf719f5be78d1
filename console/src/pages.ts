import { lazy } from 'react';
import type { ComponentType } from 'react';
import type { MessageKey } from './language';
import { asksWhy } from './me';
import type { Me } from './me';

/** A page of the console. A new page is a line in `PAGES`, and a chunk of its own. */
export interface Page {
  /** Below /console; `:id` is a parameter. */
  path: string;
  /** Its name in the navigation. A page without one is reached from others. */
  label?: MessageKey;
  /** Whether the page is of use to somebody with these rights. The API decides what they see there. */
  isFor: (me: Me) => boolean;
  component: ComponentType;
}

const seesGroups = (me: Me): boolean => me.hasGroups || me.may('CREATE_GROUPS') || me.may('MANAGE_ALL_GROUPS');
const seesPeople = (me: Me): boolean => me.may('MANAGE_USERS') || me.may('MANAGE_STAFF');
const managesStaff = (me: Me): boolean => me.may('MANAGE_STAFF');
const administersClients = (me: Me): boolean => me.may('MANAGE_SERVICE_ACCOUNTS');

const readsRecord = (me: Me): boolean => me.may('VIEW_AUDIT_LOG');

/** Somebody for whom there is no other page of the navigation begins with their own account. */
const begins = (me: Me): boolean => seesGroups(me) || seesPeople(me) || administersClients(me) || asksWhy(me);

export const PAGES: readonly Page[] = [
  { path: '/', label: 'home', isFor: begins, component: lazy(() => import('./home/home-page')) },
  { path: '/account', isFor: () => true, component: lazy(() => import('./account/account-page')) },
  { path: '/groups', label: 'groups', isFor: seesGroups, component: lazy(() => import('./groups/groups-page')) },
  { path: '/groups/:id', isFor: seesGroups, component: lazy(() => import('./groups/group-page')) },
  { path: '/people', label: 'people', isFor: seesPeople, component: lazy(() => import('./people/people-page')) },
  {
    path: '/people/import',
    isFor: (me) => me.may('MANAGE_USERS'),
    component: lazy(() => import('./bulk/import-page')),
  },
  {
    path: '/people/:id',
    isFor: (me) => seesPeople(me) || seesGroups(me),
    component: lazy(() => import('./people/person-page')),
  },
  { path: '/why', label: 'why', isFor: asksWhy, component: lazy(() => import('./why/why-page')) },
  { path: '/staff', label: 'staff', isFor: managesStaff, component: lazy(() => import('./staff/staff-page')) },
  {
    path: '/clients',
    label: 'clients',
    isFor: administersClients,
    component: lazy(() => import('./clients/clients-page')),
  },
  { path: '/record', label: 'record', isFor: readsRecord, component: lazy(() => import('./record/record-page')) },
  { path: '/clients/:id', isFor: administersClients, component: lazy(() => import('./clients/client-page')) },
  {
    path: '/service-accounts/:id',
    isFor: administersClients,
    component: lazy(() => import('./clients/service-account-page')),
  },
];
