import { queryOptions, useQuery } from '@tanstack/react-query';
import { createContext, use } from 'react';
import { api, dataOf } from './api';
import type { Schemas } from './api';

export type Permission = Schemas['Permissions']['permissions'][number];

/** Who is signed in, and what they may do. It decides what is shown; the API decides what is done. */
export interface Me {
  user: Schemas['User'];
  may: (permission: Permission) => boolean;
  /** Whether there is a group that they see. */
  hasGroups: boolean;
}

export const MeContext = createContext<Me | null>(null);

export function useMe(): Me {
  return use(MeContext)!;
}

export const ME = queryOptions({ queryKey: ['me'], queryFn: loadMe, staleTime: 60_000 });

export function useLoadedMe(): { me: Me | undefined; error: Error | null } {
  const { data, error } = useQuery(ME);
  return { me: data, error };
}

async function loadMe(): Promise<Me> {
  const [user, { permissions }, { groups }] = await Promise.all([
    dataOf(api.GET('/api/2.1.1/user')),
    dataOf(api.GET('/api/2.1.1/user/{user}/permissions', { params: { path: { user: 'self' } } })),
    dataOf(api.GET('/api/2.1.1/groups', { params: { query: { resultSize: 1 } } })),
  ]);
  return { user, may: (permission) => permissions.includes(permission), hasGroups: groups.length > 0 };
}

/** Whether somebody may ask about calls that let people in. */
export function asksWhy({ may }: Pick<Me, 'may'>): boolean {
  return may('OBTAIN_ACCESS_TOKENS') || may('VIEW_AUDIT_LOG') || may('MANAGE_STAFF');
}
